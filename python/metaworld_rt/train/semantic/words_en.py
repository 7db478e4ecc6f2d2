"""English: how people say what the skills do. A phrase is ((base, -ing, past participle), the rest)."""

# Tables of phrases, kept several to a line.
# ruff: noqa: E501
# fmt: off

from __future__ import annotations

Verb = tuple[str, str, str]
Phrase = tuple[Verb, str]


def _verbs(text: str) -> list[Verb]:
    """Verbs from "base/ing/past" words; multi-word ones use _ for a space."""
    return [tuple(form.replace("_", " ") for form in word.split("/")) for word in text.split()]  # type: ignore[misc]


def _all(verbs: str, rests: str) -> list[Phrase]:
    return [(verb, rest.strip()) for verb in _verbs(verbs) for rest in rests.split("|")]


_WALK = "walk/walking/walked"
_GO = "go/going/gone"

PHRASES: dict[str, list[Phrase]] = {
    "walk": [
        *_all(f"{_WALK} " * 4, "|||forward|ahead|straight|straight ahead|forwards|on|along|onward"),
        *_all(_WALK, "around|a bit|a little|a few steps|some steps|for a while|a short way|in a straight line|a little way"),
        *_all(_WALK, "across the floor|across the room|normally|like a person|on your two feet|over there|in this direction"),
        *_all(f"{_GO} move/moving/moved", "forward|ahead|straight|straight ahead|forwards|onward|on foot|a little forward"),
        *_all("march/marching/marched stride/striding/strode pace/pacing/paced step/stepping/stepped", "|forward|ahead|along"),
        *_all("stroll/strolling/strolled amble/ambling/ambled wander/wandering/wandered", "|around|along|forward|about"),
        *_all("advance/advancing/advanced proceed/proceeding/proceeded head/heading/headed", "forward|ahead|straight on"),
        *_all("take/taking/taken", "a walk|a stroll|some steps|a few steps|a couple of steps|several steps forward|a step forward"),
        *_all("go/going/gone", "for a walk|for a stroll|walking|on a walk"),
        *_all("keep/keeping/kept continue/continuing/continued", "walking|strolling|walking forward|going forward"),
        *_all("start/starting/started begin/beginning/begun", "walking|to walk|walking forward|moving forward|walking now"),
    ],
    "run": [
        *_all("run/running/run " * 6, "|||forward|ahead|straight ahead|forwards|on|along|onward|away"),
        *_all("run/running/run", "around|a bit|a little|a few steps|for a while|a lap|in a straight line|over there|like the wind"),
        *_all("jog/jogging/jogged sprint/sprinting/sprinted " * 2, "||forward|ahead|along|a bit|straight ahead|a while"),
        *_all("dash/dashing/dashed rush/rushing/rushed race/racing/raced gallop/galloping/galloped", "|forward|ahead|along"),
        *_all("go/going/gone", "for a run|running|jogging|for a sprint|on a run|at a run"),
        *_all("keep/keeping/kept continue/continuing/continued", "running|jogging|sprinting|on running"),
        *_all("start/starting/started begin/beginning/begun", "running|to run|jogging|sprinting|a run|running forward"),
        *_all("break/breaking/broken", "into a run|into a jog"),
        *_all("do/doing/done", "a run|a sprint|some running|some jogging"),
    ],
    "stand": [
        *_all("stand/standing/stood " * 4, "still||upright|up straight|in place|on the spot|quietly|where you are|there|here|straight"),
        *_all("stand/standing/stood", "without moving|motionless|on both feet|and balance|tall|firmly|steady|at attention"),
        *_all("stop/stopping/stopped " * 3, "|now|there|here|moving|immediately|at once|completely|for now"),
        *_all("halt/halting/halted freeze/freezing/frozen pause/pausing/paused", "|there|now|for a moment|on the spot"),
        *_all("wait/waiting/waited " * 2, "|there|here|a moment|a bit|a little|a while|for a second|for me|in place|quietly"),
        *_all("stay/staying/stayed remain/remaining/remained", "still|here|there|put|in place|where you are|standing|motionless"),
        *_all("hold/holding/held keep/keeping/kept", "still|your place|your pose|your balance|standing|your position"),
        *_all("rest/resting/rested idle/idling/idled", "|there|a bit|a moment|for a while|in place"),
        *_all("come/coming/come", "to a stop|to a halt|to rest|to a standstill"),
        *_all("do/doing/done", "nothing|nothing at all"),
        *_all("take/taking/taken", "a break|a rest|a pause"),
    ],
    "reach": [
        *_all("reach/reaching/reached", "out|out with your hand|out your hand|with your arm|forward with your hand|out your arm"),
        *_all("extend/extending/extended stretch/stretching/stretched", "your hand|your arm|out your hand|your left arm|an arm"),
        *_all("stretch/stretching/stretched hold/holding/held put/putting/put", "out your hand|your hand out|your arm out|an arm out"),
        *_all("move/moving/moved", "your hand forward|your left hand forward|your arm out"),
    ],
    "touch": [
        *_all("touch/touching/touched tap/tapping/tapped reach/reaching/reached " * 2, "the OBJ|that OBJ|the OBJ with your hand"),
        *_all("reach/reaching/reached stretch/stretching/stretched", "for the OBJ|out for the OBJ|towards the OBJ|for that OBJ"),
        *_all("put/putting/put lay/laying/laid place/placing/placed", "your hand on the OBJ|a hand on the OBJ|your left hand on the OBJ"),
        *_all("move/moving/moved bring/bringing/brought get/getting/got", "your hand to the OBJ|your left hand to the OBJ|a hand to the OBJ"),
        *_all("feel/feeling/felt contact/contacting/contacted point/pointing/pointed", "at the OBJ|to the OBJ"),
        *_all("extend/extending/extended", "your hand to the OBJ|your arm to the OBJ|your arm towards the OBJ"),
        *_all("make/making/made", "contact with the OBJ|your hand meet the OBJ"),
    ],
    "door_approach": [
        *_all(f"{_WALK} {_GO} {_WALK}", "to the door|up to the door|towards the door|over to the door|to the door there|toward the door"),
        *_all("move/moving/moved head/heading/headed come/coming/come", "to the door|over to the door|towards the door|up to that door"),
        *_all("approach/approaching/approached near/nearing/neared", "the door|that door|the closed door|the doorway"),
        *_all("get/getting/got", "to the door|close to the door|near the door|up to the door|over to the door|closer to the door"),
        *_all("go/going/gone stand/standing/stood stop/stopping/stopped wait/waiting/waited", "at the door|before the door|by the door"),
        *_all("position/positioning/positioned", "yourself at the door|yourself in front of the door"),
        *_all("go/going/gone walk/walking/walked", "to the doorway|to the entrance|to the exit|near the door|as far as the door"),
        *_all("step/stepping/stepped", "up to the door|towards the door|close to the door"),
    ],
    "door_open": [
        *_all("open/opening/opened " * 5, "the door|the door|that door|this door|the door for me|up the door|the door now|the door wide"),
        *_all("pull/pulling/pulled swing/swinging/swung", "open the door|the door open|that door open|the door towards you"),
        *_all("get/getting/got have/having/had", "the door open|that door open|the door opened"),
        *_all("turn/turning/turned press/pressing/pressed use/using/used", "the handle and open the door|the handle to open the door"),
        *_all("unlatch/unlatching/unlatched", "the door|the door and open it"),
        *_all("make/making/made", "sure the door is open|the door open"),
    ],
    "door_pass": [
        *_all(f"{_WALK} {_GO} pass/passing/passed step/stepping/stepped", "through the door|through that door|through the doorway|through"),
        *_all("get/getting/got move/moving/moved come/coming/come", "through the door|to the other side|through the doorway|past the door"),
        *_all("cross/crossing/crossed traverse/traversing/traversed", "the doorway|the threshold|to the other side|through the door"),
        *_all("leave/leaving/left exit/exiting/exited", "the room|through the door|this room|by the door|the place"),
        *_all("go/going/gone get/getting/got walk/walking/walked step/stepping/stepped", "outside|out of the room|out the door|out"),
        *_all("enter/entering/entered", "the next room|the other room|the room next door|through the door"),
        *_all("go/going/gone move/moving/moved", "into the next room|into the other room|to the room behind the door|beyond the door"),
        *_all("be/being/been", "on the other side of the door|on the other side|on the far side of the door"),
        *_all("go/going/gone head/heading/headed", "out through the door|to the far side of the door|over to the other side"),
    ],
}
# After the door was named, it is "it".
IT: dict[str, list[Phrase]] = {
    "door_open": _all("open/opening/opened pull/pulling/pulled get/getting/got", "it|it open|it up"),
    "door_pass": [
        *_all("go/going/gone walk/walking/walked pass/passing/passed step/stepping/stepped", "through|through it|through to the other side"),
        *_all("come/coming/come get/getting/got", "through|through it|out on the other side"),
        *_all("go/going/gone head/heading/headed", "in|out|inside|on through"),
    ],
    "touch": _all("touch/touching/touched reach/reaching/reached tap/tapping/tapped", "it|it with your hand"),
}

OBJECTS = ["ball", "target", "red ball", "goal", "ball there", "red target", "marker", "sphere", "red sphere", "target point", "ball over there"]

TURNS = {
    "left": {
        "after": ["to the left", "left", "to your left", "leftwards", "towards the left", "on the left", "off to the left"],
        "before": ["turn left and", "turn to the left and", "turn left, then", "go left and", "make a left turn and", "face left and"],
        "alone": ["turn left", "turn to the left", "make a left turn", "take a left", "veer left", "turn to your left"],
    },
    "right": {
        "after": ["to the right", "right", "to your right", "rightwards", "towards the right", "off to the right"],
        "before": ["turn right and", "turn to the right and", "turn right, then", "go right and", "make a right turn and", "face right and"],
        "alone": ["turn right", "turn to the right", "make a right turn", "take a right", "veer right", "turn to your right"],
    },
    "back": {
        "after": ["back", "backwards the way you came", "back again", "in the opposite direction", "the other way", "back to where you were"],
        "before": ["turn around and", "turn round and", "turn back and", "do an about-face and", "spin around and", "turn 180 degrees and"],
        "alone": ["turn around", "turn back", "turn round", "go back", "do an about-face", "come back", "face the other way"],
    },
}

SLOW = ["slowly", "slow", "at a slow pace", "carefully", "gently", "unhurriedly", "very slowly", "at low speed", "leisurely", "a bit slower",
        "at an easy pace", "without hurry", "nice and slow", "calmly", "at a leisurely pace", "in no hurry"]
FAST = ["quickly", "fast", "faster", "rapidly", "at a fast pace", "at high speed", "at full speed", "at top speed", "very fast", "speedily",
        "with haste", "as quickly as you can", "swiftly", "a bit faster", "in a hurry", "hurriedly", "quick", "at a good clip"]

BEFORE = ["please", "can you", "could you", "could you please", "would you", "would you please", "robot,", "hey robot,", "hey,", "ok,", "now",
          "now please", "i want you to", "i would like you to", "i need you to", "you should", "you must", "go ahead and", "just", "kindly",
          "let's", "well,", "h1,", "your task is to", "your job:", "next,", "alright,", "will you", "try to", "i'd love you to", "so", "quick,",
          "listen,", "my friend,", "command:", "task:", "time to", "it is time to", "feel free to", "do me a favour and", "simply",
          "i want to see you", "can you please", "you can", "pls", "plz", "um,", "could u", "yo,", "dear robot,", "ok now", "sir,", "if you please,",
          "let me see you", "make it so:", "be so kind and", "be a dear and", "mind if you", "hmm,"]
AFTER = ["please", "now", "for me", "thanks", "thank you", "right now", "if you can", "would you", "will you", "okay", "buddy", "robot", "at once",
         "immediately", "if you don't mind", "and nothing else", "that is all", "my friend", "if possible", "go", "already", "again", "for us", "pls", "plz", "thx", "ty", "will ya", "sir", "my dear", "and be quick about it", "that would be great"]

# {a} {b} base form; {a_ing} -ing; {a_past} past participle. The label's order is a, then b.
PAIRS = ["{a}, then {b}", "{a} and then {b}", "first {a}, then {b}", "{a} and {b}", "first {a} and then {b}", "{a}, after that {b}",
         "{a}. then {b}", "{a}; then {b}", "{a}, next {b}", "{a} and afterwards {b}", "{a}, and when you are done {b}", "{a} then {b}",
         "after {a_ing}, {b}", "{b} after {a_ing}", "before {b_ing}, {a}", "{a} before {b_ing}", "once you have {a_past}, {b}",
         "after you have {a_past}, {b}", "{b} after you have {a_past}", "{b} once you have {a_past}", "start by {a_ing}, then {b}",
         "begin by {a_ing} and finish by {b_ing}", "{a} first, {b} second", "{a} first and {b} afterwards", "{a}, {b}", "{a}. {b}",
         "1. {a} 2. {b}", "step 1: {a}, step 2: {b}", "{a}, followed by {b_ing}", "when you have {a_past}, {b}", "{a} -> {b}",
         "{a}, and only then {b}", "{b}, but first {a}", "{b}, but before that {a}", "before you {b}, {a}", "{a} before you {b}",
         "as soon as you have {a_past}, {b}", "{a} until you are done, then {b}", "{a} for now and {b} later", "switch from {a_ing} to {b_ing}",
         "start with {a_ing}, end with {b_ing}", "{a}, finally {b}", "{a} and finally {b}", "to begin {a}, then {b}", "one: {a}. two: {b}",
         "{a} and, after that, {b}", "{a}, later {b}", "{a} and end by {b_ing}", "do some {a_ing}, then {b}", "{a} plus {b}"]
LINKS = [", then ", " and then ", ", ", ". then ", "; then ", ". after that ", " then ", ", after that ", ", next ", ". next, ", ", and then ",
         ". ", "; ", " and afterwards ", ", followed by: ", " -> ", ". now "]
LAST = [" and ", ", and finally ", ", then ", " and then ", ", and ", ". finally, ", ", lastly ", ". last, ", " and finally ", ". at the end ",
        ", in the end "]
FIRST = ["", "", "", "first ", "first, ", "first of all ", "to start, ", "initially ", "begin: "]

# {g} what to do, {b} what not to do, each with _ing
NEGATIVES = ["{g}, don't {b}", "don't {b}, {g}", "{g}, do not {b}", "do not {b} but {g}", "{g} instead of {b_ing}", "{g} without {b_ing}",
             "no {b_ing}, {g}", "don't {b}. {g}", "{g} rather than {b}", "stop {b_ing} and {g}", "not {b_ing} but {g_ing}", "never {b}, just {g}",
             "{g} but don't {b}", "{g}, no {b_ing}", "instead of {b_ing}, {g}", "you must not {b}; {g}", "i don't want you to {b}, {g}",
             "{g}, and please don't {b}", "enough {b_ing}, now {g}", "quit {b_ing}, {g}", "rather than {b_ing}, {g}", "no more {b_ing}. {g}",
             "please do not {b}, only {g}", "{g} and never {b}", "without {b_ing}, {g}", "dont {b}, {g}", "stop {b_ing}, start {g_ing}",
             "{g}, not {b}", "{b_ing} is forbidden, {g}", "avoid {b_ing}, {g} instead", "forget {b_ing}, {g}", "cease {b_ing} and {g}"]
ONLY_NOT = ["don't {b}", "do not {b}", "no {b_ing}", "stop {b_ing}", "please don't {b}", "never {b}", "no more {b_ing}", "quit {b_ing}",
            "you must not {b}", "dont {b}", "do not {b} now", "i don't want you to {b}", "enough {b_ing}", "{b_ing} is forbidden",
            "stop {b_ing} now", "you may not {b}", "stop {b_ing} please", "cease {b_ing}", "that's enough {b_ing}"]

NUMBERS = {1: "one", 2: "two", 3: "three", 4: "four", 5: "five", 6: "six", 7: "seven", 8: "eight", 9: "nine", 10: "ten", 12: "twelve",
           15: "fifteen", 20: "twenty", 30: "thirty"}
METRES = ["m", "meters", "metres", "meter", " m", " meters", " metres", " meter"]
SECONDS = ["s", "seconds", "secs", " s", " seconds", " sec", " second"]
FAR = ["{d}", "for {d}", "{d} forward", "about {d}", "a distance of {d}", "until you have covered {d}", "exactly {d}", "for about {d}"]
LONG = ["for {t}", "for {t}", "for about {t}", "during {t}", "for exactly {t}", "{t}", "for the next {t}"]
AT = ["at {v}", "at a speed of {v}", "with {v}", "at about {v}"]
PER = ["m/s", " m/s", " meters per second", " metres per second", " meters a second"]
