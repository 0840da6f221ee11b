// List 1 of null phrases (docs/format.md): 256 things of every kind, that words are held against. A catalogue's statistics
// are of these: another list is another number, in catalog_write.c too.
export const phrases = `person,baby,face,hand,crowd,dog,cat,horse,cow,sheep,pig,rabbit,mouse,bear,lion,elephant,monkey,deer,bird,duck,
eagle,owl,chicken,penguin,fish,shark,whale,crab,shell,snake,lizard,frog,turtle,spider,insect,butterfly,bee,tree,
leaf,flower,grass,cactus,mushroom,forest,mountain,beach,sea,river,sky,cloud,snow,desert,fire,moon,star,field,
garden,street,road,bridge,house,tower,church,castle,city,room,kitchen,bathroom,office,shop,wall,window,door,
stairs,roof,fence,car,bus,truck,train,bicycle,motorcycle,airplane,helicopter,rocket,boat,ship,wheel,engine,chair,
table,sofa,bed,desk,shelf,cupboard,lamp,candle,mirror,carpet,curtain,pillow,blanket,towel,vase,clock,painting,
statue,toy,doll,ball,balloon,kite,game,playing card,dice,puzzle,gift,apple,banana,orange,lemon,strawberry,grape,
pear,melon,tomato,potato,carrot,onion,cabbage,pepper,bread,cake,cookie,pizza,hamburger,sandwich,soup,salad,rice,
noodles,egg,cheese,milk,meat,sausage,ice cream,chocolate,coffee,tea,juice,water,bottle,can,cup,glass,plate,bowl,
fork,knife,spoon,pan,oven,refrigerator,washing machine,box,bag,basket,bucket,barrel,shirt,trousers,dress,skirt,
coat,jacket,sweater,shorts,underwear,sock,shoe,boot,sandal,hat,helmet,glove,scarf,belt,tie,glasses,watch,ring,
necklace,handbag,backpack,suitcase,umbrella,wallet,key,coin,banknote,book,newspaper,letter,map,pen,pencil,brush,
scissors,ruler,calculator,computer,keyboard,telephone,camera,television,headphones,microphone,battery,light bulb,
fan,guitar,piano,violin,drum,trumpet,hammer,screwdriver,saw,drill,wrench,rope,chain,ladder,shovel,gun,sword,pill,
syringe,thermometer,microscope,telescope,flag,sign,trophy,crown,mask,skull,stone,drawing,text,tiger,radio,rock,
stripes`.split(/,\n?/).map((thing) => `a photo of a ${thing}`);
