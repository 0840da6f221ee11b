// Names of whatever there is: the phrases that a label is held against, so that "none of these" has a measure. Common
// nouns over all a photo may show; what means the same as a label is left out for that label (labels.js).
export const phrases = `person,face,hand,baby,crowd,dog,cat,horse,cow,sheep,pig,rabbit,mouse,bear,lion,elephant,monkey,deer,bird,duck,
eagle,owl,chicken,penguin,fish,shark,whale,crab,shell,snake,lizard,frog,turtle,spider,insect,butterfly,bee,worm,tree,leaf,flower,grass,
cactus,mushroom,forest,mountain,beach,sea,river,lake,sky,cloud,snow,desert,rock,fire,moon,star,field,garden,street,road,bridge,house,
tower,church,castle,city,room,kitchen,bathroom,office,shop,wall,window,door,stairs,roof,fence,car,bus,truck,train,bicycle,motorcycle,
airplane,helicopter,rocket,boat,ship,wheel,tyre,engine,chair,table,sofa,bed,desk,shelf,cupboard,lamp,candle,mirror,carpet,curtain,
pillow,blanket,towel,vase,clock,picture frame,painting,statue,toy,doll,teddy bear,ball,balloon,kite,game,playing card,dice,puzzle,
puppet,gift,apple,banana,orange,lemon,strawberry,grape,pear,melon,tomato,potato,carrot,onion,cabbage,pepper,bread,cake,cookie,pizza,
hamburger,sandwich,soup,salad,rice,noodles,egg,cheese,milk,meat,sausage,ice cream,chocolate,candy,coffee,tea,juice,water,bottle,can,
cup,glass,plate,bowl,fork,knife,spoon,pan,pot,oven,refrigerator,washing machine,vacuum cleaner,box,bag,basket,bucket,barrel,package,
jar,tube,shirt,trousers,dress,skirt,coat,jacket,sweater,shorts,underwear,sock,shoe,boot,sandal,hat,helmet,glove,scarf,belt,tie,glasses,
watch,ring,necklace,handbag,backpack,suitcase,umbrella,wallet,key,coin,banknote,book,newspaper,letter,document,map,pen,pencil,brush,
scissors,ruler,paper clip,stapler,calculator,computer,keyboard,laptop,telephone,camera,television,radio,headphones,loudspeaker,
microphone,screen,cable,battery,light bulb,fan,guitar,piano,violin,drum,trumpet,flute,hammer,screwdriver,saw,drill,wrench,nail,rope,
chain,ladder,shovel,axe,gun,sword,bomb,pill,syringe,bandage,thermometer,microscope,telescope,magnet,flag,sign,trophy,medal,crown,mask,
feather,bone,skull,wood,stone,metal,plastic,paper,cloth,leather,sand,smoke,pattern,stripes,drawing,text,number,arrow,heart,cross,
circle,square`.split(/,\n?/).map((name) => `a photo of a ${name}`);
