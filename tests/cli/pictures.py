# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) the qcheck authors
"""Pictures of maps: what they say is what the other reports say, every byte is in one cell, PNG
and SVG have the same colours, and nothing that an image or its name holds acts as markup.

    pictures.py PROGRAM SAMPLES
"""

import glob
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
import zlib

PROGRAM = os.path.abspath(sys.argv[1])
SAMPLES = os.path.abspath(sys.argv[2])
SVG = "{http://www.w3.org/2000/svg}"
BY = ["class", "content", "fragmentation", "refcount", "snapshot"]
HOSTILE = "a<b>&\"'<img src=x onerror=alert(1)>\x1b[31m\n\xe9.qcow2".encode("latin-1")
bad = 0


def complain(text):
    global bad
    bad = 1
    print(text)


def run(*args, status=0):
    done = subprocess.run([PROGRAM, *args], capture_output=True, timeout=120)
    if done.returncode != status:
        complain(f"{args}: exit status {done.returncode}, not {status}: {done.stderr!r}")
    return done.stdout


def picture(image, *args):
    """The SVG of an image as a tree."""
    text = run("map", "--output=svg", *args, image)
    try:
        return ET.fromstring(text)
    except ET.ParseError as e:
        complain(f"{image} {args}: no XML: {e}")
        return None


def cells(tree):
    """(start, end, what, rectangle) of each run of cells."""
    found = []
    for rect in tree.iter(SVG + "rect"):
        title = rect.find(SVG + "title")
        if title is None:
            continue
        m = re.fullmatch(r"0x([0-9a-f]+) - 0x([0-9a-f]+) \(.*?\)(?:: (.*?))?(?:; (.*))?", title.text)
        if not m:
            complain(f"a cell says {title.text!r}")
            continue
        found.append((int(m[1], 16), int(m[2], 16), m[3], m[4], rect))
    return found


def colours(tree, dark=False):
    style = tree.find(SVG + "style").text
    part = style.split("@media")[1 if dark else 0]
    return dict(re.findall(r"\.(p[0-9s]+)\{fill:#([0-9a-f]{6})\}", part))


# --- every byte once, and as `map --output=json` says ---

def covers(image, cs, args):
    tree = picture(image, *args)
    if tree is None:
        return
    at = 0
    for start, end, *_ in sorted(cells(tree), key=lambda c: c[0]):
        if start != at:
            complain(f"{image} {args}: no cell for 0x{at:x}, the next begins at 0x{start:x}")
            return
        at = end
    size = cs[1] if "--space=guest" in args else os.stat(image).st_size
    if at < size or at - size >= cs[0] * 64:
        complain(f"{image} {args}: cells end at 0x{at:x}, the {args} has 0x{size:x} bytes")
    fills = colours(tree)
    for *_, rect in cells(tree):
        if rect.get("class") not in fills:
            complain(f"{image}: no colour for {rect.get('class')}")


def says_classes(image, cs):
    """One cluster a cell: the class, and whether there is a problem."""
    names = {}
    for c in json.loads(run("map", "--output=json", image)):
        for off in range(c["start"], c["start"] + c["length"], cs[0]):
            names[off] = c
    tree = picture(image, f"--cell={cs[0]}")
    for start, end, what, trouble, _ in cells(tree):
        for off in range(start, end, cs[0]):
            wanted = names[off]["class"]
            if what.replace(" ", "-") not in (wanted, ALIAS.get(wanted)):
                complain(f"{image}: 0x{off:x} is {wanted}, the picture says {what}")
            if (wanted == "leaked" or "clusters-with-problems" in names[off]) \
                    and names[off]["length"] == cs[0] and not trouble:
                complain(f"{image}: 0x{off:x} has a problem, the picture says none")


ALIAS = {"l1-active": "active-L1-table", "l1-snapshot": "snapshot-L1-table", "l2": "L2-table",
         "data-shared": "shared-data", "data-snapshot": "snapshot-data",
         "compressed": "compressed-data", "zero-allocated": "allocated-zeros",
         "vm-state": "VM-state", "beyond-end": "after-the-end"}


def samples():
    for image in sorted(glob.glob(SAMPLES + "/*.qcow2")):
        info = json.loads(run("info", "--output=json", image))
        cs = (info["cluster-size"], info["virtual-size"])
        says_classes(image, cs)
        covers(image, cs, ("--columns=7",))
        covers(image, cs, ("--space=guest", "--layout=hilbert", "--theme=dark"))
    for image in f"{SAMPLES}/many.qcow2", f"{SAMPLES}/snapshots.qcow2":
        info = json.loads(run("info", "--output=json", image))
        for by in BY:
            for space in "host", "guest":
                for layout in "rows", "hilbert":
                    covers(image, (info["cluster-size"], info["virtual-size"]),
                           (f"--by={by}", f"--space={space}", f"--layout={layout}"))


# --- what colours say ---

def snapshots(work):
    """Clusters that were there before a snapshot are told from later ones."""
    image = f"{work}/snaps.qcow2"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", image, "8M"], check=True)
    for i, name in enumerate(["first", "<b>&"]):
        subprocess.run(["qemu-io", "-c", f"write -P 1 {i}M 64k", image], check=True,
                       stdout=subprocess.DEVNULL)
        subprocess.run(["qemu-img", "snapshot", "-c", name, image], check=True)
    subprocess.run(["qemu-io", "-c", "write -P 1 2M 64k", image], check=True,
                   stdout=subprocess.DEVNULL)
    said = {start: what for start, _, what, *_ in
            cells(picture(image, "--by=snapshot", "--space=guest", "--cell=64k"))}
    wanted = {0: "since snapshot first", 1 << 20: "since snapshot <b>&", 2 << 20: "in no snapshot",
              3 << 20: "unallocated"}
    for at, what in wanted.items():
        if said.get(at) != what:
            complain(f"0x{at:x} is {what}, the picture by snapshot says {said.get(at)}")
    content = {start: what for start, _, what, *_ in
               cells(picture(image, "--by=content", "--cell=64k"))}
    for c in json.loads(run("map", "--output=json", image)):
        name = {"refcount-table": "a refcount table", "refcount-block":
                "a refcount block"}.get(c["class"])
        if name and content.get(c["start"]) != name:
            complain(f"0x{c['start']:x} holds {name}, the picture says {content.get(c['start'])}")


def layers(work):
    """The disk of a snapshot is what QEMU has after it has gone back to it."""
    image, back = f"{work}/snaps.qcow2", f"{work}/back.qcow2"
    shutil.copy(image, back)
    subprocess.run(["qemu-img", "snapshot", "-a", "first", back], check=True)
    wanted = json.loads(subprocess.run(["qemu-img", "map", "--output=json", back], check=True,
                                       capture_output=True).stdout)
    told = json.loads(run("map", "--output=json", "--space=guest", "--layer=first", image))
    keys = ("start", "length", "data", "zero", "offset")
    if [{k: e.get(k) for k in keys} for e in told] != [{k: e.get(k) for k in keys} for e in wanted]:
        complain(f"map --layer tells {told}, QEMU after snapshot -a {wanted}")
    for by in BY:
        args = ("--space=guest", "--layer=first", f"--by={by}", "--cell=64k")
        here = {start: what for start, _, what, *_ in cells(picture(image, *args))}
        stored = {e["start"] for e in wanted if e["data"]}
        if {start for start, what in here.items() if what != "unallocated"
                and not what.startswith("not known")} != stored:
            complain(f"the picture {args} says {here}, stored are {stored}")
        covers(image, (65536, 8 << 20), args)
        same_in_both(image, *args)
    run("map", "--layer=first", image, status=1)
    run("map", "--space=guest", "--layer=none", image, status=1)
    run("map", "--space=guest", "--layer=vm:first", image, status=1)
    ansi = run("map", "--space=guest", "--layer=1", "--output=ansi", "--columns=40", image)
    if b"snapshot 1" not in ansi:
        complain(f"the picture for the terminal does not say whose disk it is: {ansi}")


# --- PNG ---

def png(data):
    """(width, height, rows of RGB) of a PNG of 8 bits, not interlaced."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    at, packed = 8, b""
    while at < len(data):
        n, kind = struct.unpack(">I4s", data[at:at + 8])
        body = data[at + 8:at + 8 + n]
        assert zlib.crc32(kind + body) == struct.unpack(">I", data[at + 8 + n:at + 12 + n])[0]
        if kind == b"IHDR":
            w, h, depth, colour, _, _, interlace = struct.unpack(">IIBBBBB", body)
            assert (depth, interlace) == (8, 0) and colour in (2, 6)
        if kind == b"IDAT":
            packed += body
        at += 12 + n
    bpp = 3 if colour == 2 else 4
    raw, rows, last = zlib.decompress(packed), [], bytearray(w * bpp)
    for y in range(h):
        kind, line = raw[y * (w * bpp + 1)], bytearray(raw[y * (w * bpp + 1) + 1:
                                                            (y + 1) * (w * bpp + 1)])
        for i in range(len(line)):
            a = line[i - bpp] if i >= bpp else 0
            b, c = last[i], last[i - bpp] if i >= bpp else 0
            p = a + b - c
            paeth = min((abs(p - a), 0, a), (abs(p - b), 1, b), (abs(p - c), 2, c))[2]
            line[i] = (line[i] + (0, a, b, (a + b) // 2, paeth)[kind]) & 255
        rows.append(line)
        last = line
    return w, h, lambda x, y: rows[y][x * bpp:x * bpp + 3].hex()


def same_in_both(image, *args):
    done = subprocess.run([PROGRAM, "map", "--output=png", *args, image], capture_output=True)
    if b"made without cairo" in done.stderr:
        print("no PNG in this build: left out")
        return
    if done.returncode:
        complain(f"png {args}: {done.stderr!r}")
        return
    w, h, at = png(done.stdout)
    for theme, dark in ("light", False), ("dark", True):
        if dark:
            w, h, at = png(run("map", "--output=png", "--theme=dark", *args, image))
        tree = picture(image, *args)
        if (tree.get("width"), tree.get("height")) != (str(w), str(h)):
            complain(f"PNG is {w} x {h}, SVG {tree.get('width')} x {tree.get('height')}")
        fills = colours(tree, dark)
        for start, _, what, _, rect in cells(tree):
            x, y = int(rect.get("x")), int(rect.get("y"))
            if at(x, y) != fills[rect.get("class")]:
                complain(f"0x{start:x} {what}: PNG {at(x, y)}, SVG {fills[rect.get('class')]}")
                return


# --- names ---

def names(work):
    image = os.path.join(os.fsencode(work), HOSTILE)
    with open(f"{SAMPLES}/many.qcow2", "rb") as f, open(image, "wb") as to:
        to.write(f.read())
    for out in "svg", "png":
        if out == "png" and b"PNG pictures: yes" not in run("--version"):
            continue
        run("map", "--output", out, "-o", f"{work}/named.{out}", image)
    tree = ET.parse(f"{work}/named.svg").getroot()
    title = tree.find(SVG + "title").text
    if title != "a<b>&\"'<img src=x onerror=alert(1)>\\x1b[31m\\x0a\\xe9.qcow2":
        complain(f"title is {title!r}")


# --- frames ---

def frames(work):
    a, b = f"{SAMPLES}/leak.qcow2", f"{SAMPLES}/many.qcow2"
    run("map", "--output=svg", a, b, status=1)
    run("map", "--output=svg", "-o", f"{work}/f.svg", a, b)
    trees = [ET.parse(f"{work}/f-00{i}.svg").getroot() for i in (1, 2)]
    if len({t.get("viewBox") for t in trees}) != 1:
        complain("frames have different sizes")
    per = [min(e - s for s, e, *_ in cells(t)) for t in trees]
    if per[0] != per[1] and max(per) > 65536:
        complain(f"frames have different scales: {per}")
    run("map", "--output=svg", "-o", f"{work}/f.svg", a, b, status=1)       # they are there
    run("map", "--output=svg", "--overwrite", "-o", f"{work}/f.svg", a, b)
    run("map", "--output=svg", "-o", f"{work}/g.svg", a, work + "/missing", b, status=1)
    there = sorted(os.path.basename(f) for f in glob.glob(f"{work}/g-*"))
    if there != ["g-001.svg", "g-003.svg"]:
        complain(f"of three images, one missing, there are {there}")
    run("map", "--output=svg", "-o", f"{work}/h.svg", "--frames=3", "--interval=0", a)
    if len(glob.glob(f"{work}/h-00?.svg")) != 3:
        complain("--frames=3 made another number of pictures")
    run("map", "--by=content", a, status=1)
    run("map", "--output=svg", "--columns=1001", a, status=1)


# --- reports ---

HTML = "{http://www.w3.org/1999/xhtml}"
LEGAL = {HTML + t for t in "html head meta title style body header h1 h2 h3 p nav a main section "
         "ul ol li b figure figcaption article code table tr th td".split()} | \
        {HTML + t for t in ("svg", "rect", "title", "text", "path")}


def page(image, work):
    """The report on an image as a tree, which two tools find valid."""
    file = f"{work}/page.html"
    run("report", "--overwrite", "-o", file, image)
    for check in ["xmllint", "--noout", file], ["tidy", "-e", "-q", file]:
        done = subprocess.run(check, capture_output=True, text=True)
        if done.returncode or done.stderr:
            complain(f"{image}: {check[0]}: {done.stderr[:500]}")
    tree = ET.parse(file).getroot()
    for e in tree.iter():
        if e.tag not in LEGAL:
            complain(f"{image}: an element {e.tag}")
        for name, value in e.attrib.items():
            if name.startswith("on") or name == "src" or (name == "href" and value[0] != "#"):
                complain(f"{image}: {e.tag} has {name}={value!r}")
    return tree


def words(e):
    return " ".join("".join(e.itertext()).split())


def qcow2_version(image):
    with open(image, "rb") as f:
        magic, version = struct.unpack(">4sI", f.read(8))
    return version if magic == b"QFI\xfb" else None


def reports(work):
    for image in sorted(glob.glob(SAMPLES + "/*.qcow2")):
        tree = page(image, work)
        done = subprocess.run([PROGRAM, "check", "--output=json", image], capture_output=True)
        q = json.loads(done.stdout)["qcheck"]
        text = words(tree)
        if " ".join(q["verdict"]["text"].split()) not in text:
            complain(f"{image}: the page lacks the verdict")
        for step in q["verdict"]["next-steps"]:
            if " ".join(step.split()) not in text:
                complain(f"{image}: the page lacks the step {step!r}")
        said = [words(e) for e in tree.iter(HTML + "article")]
        for c in q["causes"]:
            if not any(f"({c['id']})" in s and " ".join(c["text"].split()) in s for s in said):
                complain(f"{image}: the page lacks the cause {c['id']}")
        found = {p["id"] for p in q["problems"]}
        for kind in found:
            if not any(f"({kind})" in s for s in said):
                complain(f"{image}: the page lacks the problem {kind}")
        if f"status {done.returncode} " not in text:
            complain(f"{image}: the page has another status than check")
        version = qcow2_version(image)
        rows = {words(r[0]): words(r[1]) for r in tree.iter(HTML + "tr") if len(r) == 2}
        if version and rows.get("0x0004 version") != str(version):
            complain(f"{image}: the page has no version {version} among the fields")


def hostile_reports(work):
    image = os.path.join(os.fsencode(work), HOSTILE)
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", image, "1M"], check=True)
    evil = "</td></style><script>alert(1)</script><b onclick=x>"
    subprocess.run(["qemu-img", "snapshot", "-c", evil, image], check=True)
    subprocess.run(["qemu-img", "bitmap", "--add", image, evil], check=True)
    subprocess.run(["qemu-img", "rebase", "-u", "-F", "raw", "-b", "./" + evil, image], check=True)
    text = words(page(image, work))
    if text.count(evil) < 3:
        complain(f"names are in the page {text.count(evil)} times")
    epoch = dict(os.environ, SOURCE_DATE_EPOCH="86400")
    pages = {subprocess.run([PROGRAM, "report", image], capture_output=True, env=epoch).stdout
             for _ in range(2)}
    if len(pages) != 1 or b"1970-01-02 00:00 UTC" not in pages.pop():
        complain("two reports with one SOURCE_DATE_EPOCH differ, or are not of that day")
    run("report", "-o", f"{work}/none.html", work + "/missing", status=1)
    if os.path.exists(f"{work}/none.html"):
        complain("a report that failed leaves a file")


def readme():
    """The picture in the README is of this program."""
    made = run("map", "--output=svg", f"{SAMPLES}/many.qcow2")
    with open(f"{SAMPLES}/../pictures/many.svg", "rb") as f:
        if f.read() != made:
            complain("data/pictures/many.svg is not what qcheck map --output=svg makes of "
                     "data/samples/many.qcow2: make it anew and look at it")


with tempfile.TemporaryDirectory() as work:
    readme()
    samples()
    snapshots(work)
    layers(work)
    same_in_both(f"{SAMPLES}/many.qcow2")
    same_in_both(f"{SAMPLES}/snapshots.qcow2", "--by=snapshot", "--layout=hilbert", "--columns=20")
    names(work)
    frames(work)
    reports(work)
    hostile_reports(work)
sys.exit(bad)
