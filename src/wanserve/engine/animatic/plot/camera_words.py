"""Finds what the prompt says of the camera's motion, in both languages: "the camera slowly pans to the left". Pure."""

import re
from collections.abc import Iterator

STOPS = r"\uff0c\u3002\uff1b\uff01\uff1f,.;!?"
"""What ends a Chinese clause, for a class of a pattern."""

ENGLISH = tuple(
    (re.compile(rf"\b(?:camera|shot|frame|view)\b[^.,;!?]{{0,60}}?\b(?:{words})\b"), move)
    for words, move in (
        (r"zoom(?:s|ing)? in|push(?:es|ing)? in|mov(?:es|ing) (?:closer|in|forward)|dollies in|approach(?:es|ing)?|clos(?:es|ing) in", "zoom in"),
        (r"zoom(?:s|ing)? out|pull(?:s|ing)? (?:back|out|away)|mov(?:es|ing) (?:back|away|backwards?)|retreats?", "zoom out"),
        (r"(?:pan|mov|glid|sweep|track|slid|drift)(?:s|es|ning|ing)?[^.,;!?]{0,24}\bleft", "pan left"),
        (r"(?:pan|mov|glid|sweep|track|slid|drift)(?:s|es|ning|ing)?[^.,;!?]{0,24}\bright", "pan right"),
        (r"tilt(?:s|ing)?[^.,;!?]{0,16}\bup|ris(?:es|ing)|climb(?:s|ing)?|cranes? up|mov(?:es|ing) up(?:wards?)?|ascend(?:s|ing)?", "tilt up"),
        (r"tilt(?:s|ing)?[^.,;!?]{0,16}\bdown|descend(?:s|ing)?|sink(?:s|ing)?|cranes? down|mov(?:es|ing) down(?:wards?)?|lower(?:s|ing)?", "tilt down"),
        (r"orbit(?:s|ing)?|circl(?:es|ing)|rotat(?:es|ing) around|mov(?:es|ing) around|turn(?:s|ing)? around|arcs? around", "orbit"),
        (r"follow(?:s|ing)?|track(?:s|ing)?|trail(?:s|ing)?|keep(?:s|ing)? pace|rid(?:es|ing) along|mov(?:es|ing) (?:with|along)", "follow"),
        (r"shak(?:es|ing|y)|trembl(?:es|ing)|jolt(?:s|ing)?", "shake"),
        (r"pan(?:s|ning)", "pan right"),
        (r"still|static|motionless|fixed|does not move|stays|remains|locked|holds", "static"),
    )
)  # fmt: skip
CHINESE = tuple(
    (re.compile(rf"(?:镜头|鏡頭|机位|摄影机|摄像机)[^{STOPS}]{{0,14}}?(?:{words})"), move)
    for words, move in (
        ("推近|推进|推向|前推|拉近|逼近|靠近|向前移|贴近", "zoom in"),
        ("拉远|拉开|后拉|后退|退后|向后移", "zoom out"),
        (r"(?:向|往|朝)左[^\uff0c\u3002\uff1b]{0,4}(?:摇|移|平移|扫|滑)|左(?:摇|移)|从右(?:往|向|到|至)左", "pan left"),
        (r"(?:向|往|朝)右[^\uff0c\u3002\uff1b]{0,4}(?:摇|移|平移|扫|滑)|右(?:摇|移)|从左(?:往|向|到|至)右", "pan right"),
        ("上摇|上升|上移|升起|向上|仰起|抬升|拉升", "tilt up"),
        ("下摇|下降|下移|向下|俯下|降落", "tilt down"),
        ("环绕|围绕|绕着|旋转", "orbit"),
        ("跟随|跟着|跟拍|跟在|追随|跟踪|追踪", "follow"),
        ("晃动|抖动|摇晃|颤动", "shake"),
        ("固定|不动|静止", "static"),
    )
)  # fmt: skip


def camera_moves(text: str) -> Iterator[tuple[int, str]]:
    """The moves of the camera that whole clauses speak of, each with its place in the lower-case text."""
    for patterns in (ENGLISH, CHINESE):
        for pattern, move in patterns:
            found = pattern.search(text)
            if found is not None:
                yield found.start(), move
