// Names of whatever there is, as phrases that pictures are held against: a catalogue's scores of words, so that they tell more
// than chance (docs/format.md), and labels, so that "none of these" has a measure (labels.js). Common nouns over all a photo
// may show; what means the same as a label is left out for that label.
const most = `person,baby,face,hand,crowd,dog,cat,horse,cow,sheep,pig,rabbit,mouse,bear,lion,elephant,monkey,deer,bird,duck,
eagle,owl,chicken,penguin,fish,shark,whale,crab,shell,snake,lizard,frog,turtle,spider,insect,butterfly,bee,tree,leaf,flower,
grass,cactus,mushroom,forest,mountain,beach,sea,river,sky,cloud,snow,desert,fire,moon,star,field,garden,street,road,bridge,
house,tower,church,castle,city,room,kitchen,bathroom,office,shop,wall,window,door,stairs,roof,fence,car,bus,truck,train,
bicycle,motorcycle,airplane,helicopter,rocket,boat,ship,wheel,engine,chair,table,sofa,bed,desk,shelf,cupboard,lamp,candle,
mirror,carpet,curtain,pillow,blanket,towel,vase,clock,painting,statue,toy,doll,ball,balloon,kite,game,playing card,dice,puzzle,
gift,apple,banana,orange,lemon,strawberry,grape,pear,melon,tomato,potato,carrot,onion,cabbage,pepper,bread,cake,cookie,pizza,
hamburger,sandwich,soup,salad,rice,noodles,egg,cheese,milk,meat,sausage,ice cream,chocolate,coffee,tea,juice,water,bottle,can,
cup,glass,plate,bowl,fork,knife,spoon,pan,oven,refrigerator,washing machine,box,bag,basket,bucket,barrel,shirt,trousers,dress,
skirt,coat,jacket,sweater,shorts,underwear,sock,shoe,boot,sandal,hat,helmet,glove,scarf,belt,tie,glasses,watch,ring,necklace,
handbag,backpack,suitcase,umbrella,wallet,key,coin,banknote,book,newspaper,letter,map,pen,pencil,brush,scissors,ruler,
calculator,computer,keyboard,telephone,camera,television,headphones,microphone,battery,light bulb,fan,guitar,piano,violin,drum,
trumpet,hammer,screwdriver,saw,drill,wrench,rope,chain,ladder,shovel,gun,sword,pill,syringe,thermometer,microscope,telescope,
flag,sign,trophy,crown,mask,skull,stone,drawing,text`;
const last = 'radio,rock,stripes';

const asPhrases = (names) => names.split(/,\n?/).map((name) => `a photo of a ${name}`);

// List 1, of catalogues: 256. Their statistics are of these in this order: another list is another number, in catalog_write.c too.
export const catalogPhrases = asPhrases(`${most},tiger,${last}`);

// Of labels: 298, of which the models' background.safetensors were made.
export const phrases = asPhrases(`${most},${last},worm,lake,tyre,picture frame,teddy bear,puppet,candy,pot,vacuum cleaner,package,jar,
tube,document,paper clip,stapler,laptop,loudspeaker,screen,cable,flute,nail,axe,bomb,bandage,magnet,medal,feather,bone,wood,
metal,plastic,paper,cloth,leather,sand,smoke,pattern,number,arrow,heart,cross,circle,square`);
