"""The skills that a training bundle may hold: the household's seven, and many others that other bundles might have.

The network never sees an index, only a name and a description. The others teach it to read those: in a bundle that
has them they are to be done, in one that lacks them they are to be refused. `HELD_OUT` ones are never trained on.
"""

# Tables of phrases, kept several to a line.
# ruff: noqa: E501
# fmt: off

from __future__ import annotations

from dataclasses import dataclass, field

CORE = ("stand", "walk", "run", "reach", "door_approach", "door_open", "door_pass")  # training only

NAMES: dict[str, list[str]] = {
    "stand": ["stand", "stand", "stand", "standing", "stand_still", "balance", "idle", "h1_stand"],
    "walk": ["walk", "walk", "walk", "walking", "walk_forward", "gait_walk", "locomotion_walk", "h1_walk"],
    "run": ["run", "run", "run", "running", "sprint", "run_forward", "gait_run", "h1_run"],
    "reach": ["reach", "reach", "reach", "reaching", "hand_reach", "reach_target", "h1_reach"],
    "door_approach": ["door_approach", "door_approach", "approach_door", "go_to_door", "door-approach", "h1_door_approach"],
    "door_open": ["door_open", "door_open", "open_door", "pull_door", "door-open", "h1_door_open"],
    "door_pass": ["door_pass", "door_pass", "pass_door", "go_through_door", "door-pass", "doorway", "h1_door_pass"],
}
DESCRIPTIONS: dict[str, list[str]] = {
    "stand": [
        *["stands still", "stands upright and keeps its balance", "stands still and balances", "keeps standing in place"],
        *["holds a standing pose", "stays upright on the spot", "stop and stand still", "does not move, stays balanced", "stands"],
        *["stands still on both feet; the safe skill", "balances upright without walking", "standing in place", "站立不动", "原地站稳"],
    ],
    "walk": [
        *["walks forward at about 1 m/s", "walks forward", "walks at a normal pace", "walks along the heading", "walking gait, 1 m/s"],
        *["walks in the direction of the goal heading", "moves forward on foot at walking speed", "a steady walk", "walks ahead"],
        *["walks at up to 1.5 m/s", "walks", "walking", "locomotion at walking pace", "向前走", "以每秒一米的速度行走"],
    ],
    "run": [
        *["runs forward", "runs forward at up to 5 m/s", "runs fast", "runs along the heading", "running gait, 3 to 5 m/s", "sprints"],
        *["runs ahead quickly", "a fast run", "runs at high speed", "jogs or sprints forward", "runs", "running", "向前跑", "快速奔跑"],
    ],
    "reach": [
        *["reaches for a target with the left hand", "moves the left hand to a target point", "reaches out to a goal", "touches a target"],
        *["brings the hand to the goal position", "stretches an arm to touch the target", "hand reaching", "reaches the goal with a hand"],
        *["reaches a point in space with its hand", "reaches", "伸手够目标", "用左手触碰目标点"],
    ],
    "door_approach": [
        *["walks up to the door", "approaches the door and stops in front of it", "walks to the door", "goes to the door handle"],
        *["moves in front of the door", "gets within arm's reach of the door", "approaches the door", "走到门前", "靠近门"],
    ],
    "door_open": [
        *["opens the door", "turns the handle and pulls the door open", "pulls the door open", "unlatches and opens the door"],
        *["opens the door by its handle", "grips the handle, opens the door", "door opening", "打开门", "转动把手把门拉开"],
    ],
    "door_pass": [
        *["walks through the open door", "passes through the doorway", "goes through the door to the other side", "walks through"],
        *["passes the door", "walks through the doorway to the next room", "crosses the open doorway", "穿过门", "走到门的另一边"],
    ],
}


@dataclass(frozen=True)
class Extra:
    """A skill of some other bundle: name, descriptions, and how people ask for it ("base/ing/past rest", Chinese)."""

    name: str
    descriptions: list[str]
    english: list[str]
    chinese: list[str] = field(default_factory=list)


def _extra(line: str) -> Extra:
    name, descriptions, english, chinese = (part.strip() for part in line.split("|"))
    return Extra(name, [d.strip() for d in descriptions.split(";")], [e.strip() for e in english.split(";")],
                 [c.strip() for c in chinese.split(",") if c.strip()])


EXTRAS = [_extra(line) for line in """
wave | waves a hand; waves hello with the right arm | wave/waving/waved your hand; wave/waving/waved; wave/waving/waved hello; wave/waving/waved to me | 挥手,招手,挥挥手
bow | bows politely; bends forward in a bow | bow/bowing/bowed; take/taking/taken a bow; bow/bowing/bowed politely | 鞠躬,鞠个躬
squat | squats down and comes up again; does squats | squat/squatting/squatted; squat/squatting/squatted down; do/doing/done some squats | 蹲下,深蹲,做深蹲
crouch | crouches low; crouches down and stays low | crouch/crouching/crouched; crouch/crouching/crouched down; duck/ducking/ducked | 蹲低,俯身
jump | jumps up; jumps in place; jumps with both feet | jump/jumping/jumped; jump/jumping/jumped up; hop/hopping/hopped; leap/leaping/leaped | 跳,跳起来,跳一下,蹦
dance | dances to music; does a little dance | dance/dancing/danced; do/doing/done a dance; dance/dancing/danced for me | 跳舞,跳个舞
clap | claps its hands; applauds | clap/clapping/clapped your hands; clap/clapping/clapped; applaud/applauding/applauded | 拍手,鼓掌
salute | salutes with the right hand; gives a salute | salute/saluting/saluted; give/giving/given a salute | 敬礼,敬个礼
sit | sits down on a chair; sits | sit/sitting/sat; sit/sitting/sat down; take/taking/taken a seat; have/having/had a seat | 坐下,坐,坐到椅子上
lie_down | lies down on the floor; lies flat | lie/lying/lain down; lie/lying/lain on the floor | 躺下,躺到地上
kneel | kneels on one knee; goes down on its knees | kneel/kneeling/knelt; kneel/kneeling/knelt down; get/getting/got on your knees | 跪下,单膝跪地
crawl | crawls on hands and knees; crawls under obstacles | crawl/crawling/crawled; crawl/crawling/crawled under it; crawl/crawling/crawled forward | 爬,爬行,向前爬
climb_stairs | climbs stairs; walks up a staircase | climb/climbing/climbed the stairs; go/going/gone upstairs; walk/walking/walked up the stairs | 上楼,爬楼梯,上楼梯
climb_down | walks down stairs; descends a staircase | go/going/gone downstairs; walk/walking/walked down the stairs; descend/descending/descended the stairs | 下楼,下楼梯
push_box | pushes a box; pushes a heavy box forward | push/pushing/pushed the box; shove/shoving/shoved the box; push/pushing/pushed the crate | 推箱子,把箱子推过去
lift_box | lifts a box; picks a box up with both arms | lift/lifting/lifted the box; pick/picking/picked up the box; raise/raising/raised the box | 抬箱子,把箱子抬起来,搬箱子
carry | carries a package; carries a load while walking | carry/carrying/carried the package; carry/carrying/carried the load; bring/bringing/brought me the parcel | 搬包裹,运送包裹
throw | throws a ball; throws an object | throw/throwing/thrown the ball; throw/throwing/thrown it; toss/tossing/tossed the ball | 扔球,把球扔出去,投球
catch | catches a ball; catches a thrown object | catch/catching/caught the ball; catch/catching/caught it | 接球,接住球
kick_ball | kicks a ball; kicks a soccer ball | kick/kicking/kicked the ball; kick/kicking/kicked the football; shoot/shooting/shot a goal | 踢球,踢足球
close_door | closes the door; pulls the door shut | close/closing/closed the door; shut/shutting/shut the door; pull/pulling/pulled the door shut | 关门,把门关上
open_drawer | opens a drawer; pulls a drawer open | open/opening/opened the drawer; pull/pulling/pulled the drawer open | 打开抽屉,拉开抽屉
open_fridge | opens the fridge; opens the refrigerator | open/opening/opened the fridge; open/opening/opened the refrigerator | 打开冰箱,开冰箱
open_window | opens the window; slides a window open | open/opening/opened the window; open/opening/opened a window | 打开窗户,开窗
turn_on_light | switches the light on; presses the light switch | turn/turning/turned on the light; switch/switching/switched on the lamp | 开灯,打开灯
pour | pours water into a cup; pours a drink | pour/pouring/poured me a drink; pour/pouring/poured some water | 倒水,给我倒水
grasp | grasps an object; grips a cup with the hand | grasp/grasping/grasped the cup; grab/grabbing/grabbed the bottle; pick/picking/picked up the cup | 拿杯子,抓住瓶子,拿起杯子
wipe | wipes the table; cleans a surface with a cloth | wipe/wiping/wiped the table; clean/cleaning/cleaned the table | 擦桌子,把桌子擦干净
sweep | sweeps the floor; sweeps with a broom | sweep/sweeping/swept the floor; sweep/sweeping/swept up | 扫地
cook | cooks a meal; stirs a pan | cook/cooking/cooked dinner; make/making/made breakfast; cook/cooking/cooked some rice | 做饭,做晚饭,煮饭
wash_dishes | washes the dishes; cleans plates | wash/washing/washed the dishes; do/doing/done the dishes | 洗碗,刷碗
spin | spins around on the spot; turns in place | spin/spinning/spun; spin/spinning/spun in circles; twirl/twirling/twirled | 转圈,转个圈
side_step | steps sideways; shuffles to the side | step/stepping/stepped sideways; shuffle/shuffling/shuffled sideways; sidestep/sidestepping/sidestepped | 横着走,侧着走
moonwalk | slides its feet backwards; moonwalks | moonwalk/moonwalking/moonwalked; do/doing/done the moonwalk | 太空步,走太空步
cartwheel | does a cartwheel | do/doing/done a cartwheel; turn/turning/turned a cartwheel | 侧手翻
flip | does a flip; backflips in the air; somersaults | do/doing/done a flip; do/doing/done a somersault; flip/flipping/flipped over; backflip/backflipping/backflipped | 翻跟斗,后空翻,空翻
pushup | does push-ups; presses up from the floor | do/doing/done push-ups; do/doing/done ten pushups | 做俯卧撑,俯卧撑
stretch_body | stretches its back and legs; stretching exercise | stretch/stretching/stretched your back; do/doing/done some yoga; limber/limbering/limbered up | 做瑜伽,伸个懒腰,拉伸
nod | nods its head; nods yes | nod/nodding/nodded; nod/nodding/nodded your head | 点头
shake_head | shakes its head; shakes its head for no | shake/shaking/shaken your head | 摇头
shake_hands | shakes hands with a person; offers a handshake | shake/shaking/shaken hands; shake/shaking/shaken my hand | 握手,跟我握手
hug | hugs a person gently; gives a hug | hug/hugging/hugged me; give/giving/given me a hug; hug/hugging/hugged her | 抱抱,拥抱我
point_up | points at the ceiling; points upward | point/pointing/pointed up; point/pointing/pointed at the ceiling | 指天花板,往上指
play_piano | plays the piano; plays piano keys | play/playing/played the piano; play/playing/played some piano | 弹钢琴
box | boxes with a punching bag; shadow boxing | box/boxing/boxed; do/doing/done some shadow boxing | 打沙袋,练拳
swim | swims in water; swims breaststroke | swim/swimming/swum; swim/swimming/swum to the shore; go/going/gone for a swim | 游泳,去游泳
fly | flies in the air; flies with jets | fly/flying/flown; fly/flying/flown away; fly/flying/flown around; take/taking/taken off | 飞,飞走,飞起来
drive | drives a car; steers a vehicle | drive/driving/driven the car; drive/driving/driven to town | 开车,去开车
ride_bike | rides a bicycle; pedals a bike | ride/riding/ridden the bike; ride/riding/ridden a bicycle; cycle/cycling/cycled | 骑车,骑自行车
skate | skates on ice; rides a skateboard | skate/skating/skated; go/going/gone skating; skateboard/skateboarding/skateboarded | 滑冰,滑板
ski | skis down a slope | ski/skiing/skied; ski/skiing/skied down the hill | 滑雪
sing | sings a song; sings | sing/singing/sung; sing/singing/sung a song; sing/singing/sung for us | 唱歌,唱一首歌
speak | says something aloud; speaks | say/saying/said hello; speak/speaking/spoken; talk/talking/talked to me; say/saying/said something | 说话,说你好,讲话
follow | follows a person; follows someone around | follow/following/followed me; follow/following/followed that person | 跟着我,跟我来
hide | hides behind furniture; hides | hide/hiding/hidden; hide/hiding/hidden behind the sofa | 躲起来,藏起来
dig | digs a hole; digs with a shovel | dig/digging/dug a hole; dig/digging/dug | 挖坑,挖洞
paint | paints a wall; paints a picture | paint/painting/painted the wall; paint/painting/painted a picture | 刷墙,画画
write | writes on a board; writes with a pen | write/writing/written a letter; write/writing/written your name | 写字,写信
sleep | goes to sleep; powers down for the night | sleep/sleeping/slept; go/going/gone to sleep; take/taking/taken a nap | 睡觉,去睡觉
eat | eats food | eat/eating/eaten; eat/eating/eaten an apple; have/having/had lunch | 吃饭,吃苹果
vacuum | vacuums the carpet; uses the vacuum cleaner | vacuum/vacuuming/vacuumed; vacuum/vacuuming/vacuumed the carpet | 吸尘
fold | folds clothes; folds laundry | fold/folding/folded the clothes; do/doing/done the laundry; fold/folding/folded the towels | 叠衣服,洗衣服
water_plants | waters the plants with a can | water/watering/watered the plants; water/watering/watered the flowers | 浇花,给花浇水
charge | goes to the charger and charges the battery; docks | charge/charging/charged yourself; recharge/recharging/recharged; dock/docking/docked | 充电,去充电
""".strip().splitlines()]

HELD_OUT = ("bow", "push_box", "spin", "open_drawer", "climb_stairs", "pour")
