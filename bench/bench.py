#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) the qcheck authors
"""bench.py: how near qcheck comes to the floor, as one table.

    bench.py [options] QCHECK

Makes the images (sparse, some GiB of disk altogether, two of them for 12 TiB), runs floor,
qcheck and, where it is installed, qemu-img on each several times in turn, and prints times,
ratios and peak memory next to what must be reached. qcheck prints nothing (`check
--silent`): the report is not part of what is compared. Of each side the best round counts,
as what disturbs a run only makes it longer; "cpu" is the ratio of processor time. That is
what is judged while more processes want to run than there are processors. `make bench`
calls it;
BENCHFLAGS="--quick" and the like are passed on.
"""
import argparse
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

from inspector import Inspector

HERE = os.path.dirname(os.path.abspath(__file__))
MIB = 1 << 20

# name -> options of mkimage
IMAGES = {
    'sequential': '--size 1T',
    'random': '--size 1T --order random',
    'runs': '--size 1T --order runs --fill 0.9',
    'plain': '--size 820G --order random',
    '4K': '--size 64G --cluster 4K --order random',
    '16K': '--size 256G --cluster 16K --order random',
    '2M': '--size 12T --cluster 2M --order random',
    'extended': '--size 1T --order random --extended',
    'extended-seq': '--size 1T --extended',
    'snapshots': '--size 820G --order random --snapshots 8',
    '512-8G': '--size 8G --cluster 512 --order random --tables front',
    '12T': '--size 12T --order random',
    '512-64G': '--size 64G --cluster 512 --order random --tables front',
    'empty': '--size 1024P --cluster 2M --fill 0',
    'scattered': '--size 1024P --cluster 2M --scatter 10000',
    'largest': '--size 2048P --cluster 2M --fill 0 --claim 9223372036854775296',
    'damaged': '--size 1T --order random --damage 1',
    'flipped': '--size 1T --order random --flip 1',
    'few': '--size 1T --order random --damage 0.0001',
}


class Row:
    """One line of the table: `image` measured against floor or against another image."""

    def __init__(self, title, image, ratio=None, against='floor', seconds=None,
                 memory=None, cold=False, qemu=True, quick=True):
        self.title, self.image, self.against = title, image, against
        self.ratio, self.seconds, self.memory = ratio, seconds, memory
        self.cold, self.qemu, self.quick = cold, qemu, quick


def flat(mib):
    return lambda clusters: mib * MIB


def per_cluster(clusters):
    return int(clusters * 1.25) + 32 * MIB


ROWS = [
    Row('1 TiB sequential', 'sequential', 1.3, memory=flat(40)),
    Row('1 TiB random', 'random', 1.3, memory=flat(40)),
    Row('1 TiB, 90% in random runs of 1 to 64', 'runs', 1.3, memory=flat(40)),
    Row('64 GiB of 4 KiB clusters, random', '4K', 1.3, memory=per_cluster),
    Row('256 GiB of 16 KiB clusters, random', '16K', 1.3, memory=per_cluster),
    Row('12 TiB of 2 MiB clusters, random', '2M', 1.3, memory=per_cluster),
    Row('1 TiB random, extended L2 entries', 'extended', 1.3, memory=flat(40)),
    Row('1 TiB sequential, extended L2 entries', 'extended-seq', 1.3, memory=flat(40)),
    Row('12 TiB random', '12T', 1.3, memory=per_cluster, quick=False),
    Row('820 GiB random, 8 snapshots sharing every table', 'snapshots', 1.3, 'plain'),
    Row('8 GiB of 512-byte clusters, random', '512-8G', 1.3, memory=per_cluster),
    Row('64 GiB of 512-byte clusters, random', '512-64G', 1.3, memory=per_cluster,
        quick=False),
    Row('1 EiB of 2 MiB clusters, empty', 'empty', seconds=0.1),
    Row('1 EiB of 2 MiB clusters, 10,000 scattered tables', 'scattered', seconds=0.1),
    Row('2^63-512 bytes with the largest L1 table', 'largest', seconds=0.1),
    Row('1 TiB, every L2 entry a random word', 'damaged', 1.5, 'random',
        memory=per_cluster, qemu=False),
    Row('1 TiB, one bit turned over in every L2 entry', 'flipped', 1.5, 'random',
        memory=per_cluster, qemu=False),
    Row('1 TiB sequential, cold cache', 'sequential', 1.3, cold=True, qemu=False),
    Row('1 TiB random, cold cache', 'random', 1.3, cold=True, qemu=False),
]


class Cost:
    def __init__(self, line):
        wall, user, system, kib, status = line.split()
        self.wall, self.cpu = float(wall), float(user) + float(system)
        self.memory, self.status = int(kib) * 1024, int(status)


class Bench:
    def __init__(self, args):
        self.args = args
        self.dir = args.dir or tempfile.mkdtemp(prefix='bench-', dir='.')
        os.makedirs(self.dir, exist_ok=True)
        self.null = open(os.devnull, 'r+b')
        self.made = {}
        self.missed = 0
        self.reached = {}           # image -> ratio to the floor
        self.qemu = None if args.no_qemu else shutil.which('qemu-img')

    def tool(self, name):
        return os.path.join(self.args.tools, name)

    def image(self, name):
        """Path of an image, made when first asked for."""
        path = os.path.join(self.dir, name + '.qcow2')
        if name not in self.made:
            options = IMAGES[name].split()
            text = subprocess.run([self.tool('mkimage')] + options + [path], check=True,
                                  stdout=subprocess.PIPE, text=True).stdout
            self.made[name] = int(text.split()[0])
            fd = os.open(path, os.O_RDONLY)
            os.fsync(fd)
            os.close(fd)
        return path

    def drop(self, path):
        """Takes a file out of the page cache; as root, everything."""
        os.sync()
        fd = os.open(path, os.O_RDONLY)
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(fd)
        try:
            with open('/proc/sys/vm/drop_caches', 'w') as f:
                f.write('3')
        except OSError:
            pass

    def run(self, argv, limit=None):
        """Cost of one command, None when it took longer than `limit` seconds."""
        result = os.path.join(self.dir, 'cost')
        with subprocess.Popen([self.tool('measure'), result] + argv, stdin=self.null,
                              stdout=self.null, stderr=self.null,
                              start_new_session=True) as p:
            try:
                p.wait(limit)
            except subprocess.TimeoutExpired:
                os.killpg(p.pid, 9)
                return None
        with open(result) as f:
            return Cost(f.read())

    def floor(self, path):
        return self.run([self.tool('floor'), '--threads', str(self.args.threads), path])

    def qcheck(self, path, threads=None):
        cost = self.run([self.args.qcheck, 'check', '--silent', '--threads',
                         str(threads or self.args.threads), path])
        # 1: QEMU does not open an image that claims more than is there
        if cost.status not in (0, 2, 3) and (cost.status != 1 or '/largest.' not in path):
            sys.exit('bench: qcheck ended with status %d on %s' % (cost.status, path))
        return cost

    def measure(self, row):
        path = self.image(row.image)
        if row.seconds:                     # nothing to compare with
            return [(None, self.qcheck(path)) for _ in range(self.args.runs)]
        other = self.image(row.against) if row.against != 'floor' else path
        base = self.floor if row.against == 'floor' else self.qcheck
        pairs = []
        for i in range(self.args.runs + (not row.cold)):
            if row.cold:
                self.drop(other)
            a = base(other)
            if row.cold:
                self.drop(path)
            pairs.append((a, self.qcheck(path)))
        if not row.cold:
            pairs = pairs[1:]               # the first round warmed the cache
        return pairs

    def qemu_text(self, row):
        if not row.qemu or not self.qemu:
            return '-'
        limit = self.args.qemu_seconds
        cost = self.run([self.qemu, 'check', self.image(row.image)], limit)
        if cost is None:
            return '> %g s' % limit
        if cost.status == 1:
            return 'refuses'
        return seconds(cost.wall)

    def row(self, row):
        busy = os.getloadavg()[0] > os.cpu_count() + 1
        pairs = self.measure(row)
        ours = min(b.wall for a, b in pairs)
        cpu = min(b.cpu for a, b in pairs)
        peak = max(b.memory for a, b in pairs)
        if row.seconds:
            base, against, ratio = '-', '-', '-'
            reach = '%g s' % row.seconds
            good = ours <= row.seconds
            cpu = seconds(cpu)
        else:
            base = min(a.wall for a, b in pairs)
            against = row.against if row.against == 'floor' else row.against + ' image'
            ratio, cpu = ours / base, cpu / max(min(a.cpu for a, b in pairs), 1e-4)
            reach = '%.1f' % row.ratio
            judged = cpu if busy and not row.cold else ratio
            if row.against == 'floor' and not row.cold:
                self.reached[row.image] = judged
            good = judged <= row.ratio
            base, ratio, cpu = seconds(base), '%.2f' % ratio, '%.2f' % cpu
        memory_reach = '-'
        if row.memory:
            limit = row.memory(self.made[row.image])
            memory_reach = '%d' % (limit / MIB)
            good = good and peak <= limit
        self.missed += not good
        show(row.title, seconds(ours), base, against, ratio, cpu, reach, '%.0f' % (peak / MIB),
             memory_reach, 'yes' if good else 'NO', self.qemu_text(row))

    def growth(self):
        """From 1 to 12 TiB: how much more steeply than the floor's."""
        if '12T' not in self.reached or 'random' not in self.reached:
            return
        ratio = self.reached['12T'] / self.reached['random']
        self.missed += ratio > 1.1
        show('growth from 1 to 12 TiB, random', '-', '-', 'floor', '%.2f' % ratio, '-', '1.1',
             '-', '-', 'yes' if ratio <= 1.1 else 'NO', '-')

    def threads(self):
        """Same output for any number of threads; less time with more cores."""
        walls = {1: [], 2: [], 4: []}
        for name in ('random', 'damaged'):
            outputs = set()
            for n in walls:
                p = subprocess.run([self.args.qcheck, 'check', '--output=json', '--threads',
                                    str(n), self.image(name)], stdout=subprocess.PIPE)
                outputs.add(p.stdout)
            same = len(outputs) == 1
            self.missed += not same
            print('threads 1, 2, 4 on the %s image: output %s' %
                  (name, 'same to the byte' if same else 'DIFFERS'))
        for _ in range(self.args.runs):
            for n in walls:
                walls[n].append(self.qcheck(self.image('random'), n).wall)
        print('1 TiB random with %s (%d cores here)' % (', '.join(
            '%d threads: %s' % (n, seconds(statistics.median(w))) for n, w in walls.items()),
            os.cpu_count()))

    def inspect(self, name):
        """Lists of seconds of what a person does on an image, whose scan has ended."""
        got = {'first': [], 'key': [], 'zoom': [], 'jump': [], 'who': []}
        for _ in range(self.args.runs):
            i = Inspector([self.args.qcheck, self.image(name)])
            got['first'].append(i.first_frame)
            i.quiet()
            for view in (b'2', b'4', b'6'):
                i.press(view)
                for key in (b'j', b'l', b'j', b'\x1b[6~'):
                    got['key'].append(i.press(key))
            i.press(b'2')
            for key in (b'+', b'+', b'+', b'-', b'+', b'0'):
                got['zoom'].append(i.press(key))
            for _ in range(5):
                got['jump'].append(i.press(b'n'))
            i.press(b'2')
            got['who'].append(i.press(b'r', quiet=1))
            i.end()
        return {k: [x for x in v if x is not None] for k, v in got.items()}

    def inspector(self):
        got = self.inspect('few')
        self.inspect_line('inspector, 1 TiB random: first frame', got['first'], 0.050)
        self.inspect_line('inspector: key to frame', got['key'], 0.016)
        self.inspect_line('inspector: zoom', got['zoom'], 0.016)
        self.inspect_line('inspector: jump to a problem', got['jump'], 0.050)
        scan = statistics.median(self.qcheck(self.image('few')).wall
                                 for _ in range(self.args.runs))
        self.inspect_line('inspector: who points here', got['who'], 1.5 * scan)

    def inspect_line(self, title, times, limit):
        median = statistics.median(times) if times else float('inf')
        self.missed += median > limit
        show(title, seconds(median), '-', '-', '-', '-', seconds(limit), '-', '-',
             'yes' if median <= limit else 'NO', '-')

    def timed(self, *argv):
        """Seconds that a program and its output's way to the disk take."""
        began = time.monotonic()
        subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)
        subprocess.run(['sync', argv[-1]], check=True)
        return time.monotonic() - began

    def exports(self):
        """Getting the disk out, against qemu-img convert; both synced."""
        if self.args.no_qemu or not shutil.which('qemu-img'):
            return
        mib = 512 if self.args.quick else 8192
        raw, out = os.path.join(self.dir, 'data.raw'), os.path.join(self.dir, 'out.raw')
        words = [os.urandom(6).hex() for _ in range(4000)]
        with open(raw, 'w', encoding='ascii') as f:
            for _ in range(mib):
                f.write(' '.join(random.choices(words, k=90000)).ljust(1 << 20)[:1 << 20])
        for name, limit, options in (('plain', 1, []), ('zlib', 1.5, ['-c']),
                                     ('zstd', 1.5, ['-c', '-o', 'compression_type=zstd'])):
            image = os.path.join(self.dir, 'export.qcow2')
            subprocess.run(['qemu-img', 'convert', '-O', 'qcow2', *options, raw, image],
                           check=True)
            ours, theirs = [], []
            for _ in range(self.args.runs):
                for times, argv in ((theirs, ['qemu-img', 'convert', '-O', 'raw', image, out]),
                                    (ours, [self.args.qcheck, 'export', image, out])):
                    if os.path.exists(out):
                        os.unlink(out)
                    times.append(self.timed(*argv))
            ratio = statistics.median(q / o for q, o in zip(theirs, ours))
            self.missed += ratio < limit
            show('export, %d MiB %s' % (mib, name), seconds(statistics.median(ours)),
                 seconds(statistics.median(theirs)), 'qemu-img', '%.2f' % ratio, '-',
                 '%.2f' % limit, '-', '-', 'yes' if ratio >= limit else 'NO', '-')
            os.unlink(image)
        os.unlink(raw)
        os.unlink(out)

    def all(self):
        print('%s, %d threads, best of %d rounds; load average %.0f' %
              (self.version(), self.args.threads, self.args.runs, os.getloadavg()[0]))
        print()
        show('work', 'qcheck', 'base', 'which is', 'ratio', 'cpu', 'reach', 'MiB', 'reach',
             'reached', 'qemu-img')
        print('-' * 150)
        for row in ROWS:
            if self.args.only and self.args.only not in row.title:
                continue
            if row.quick or not self.args.quick:
                self.row(row)
        self.growth()
        if not self.args.only or 'export'.startswith(self.args.only):
            self.exports()
        if not self.args.only or 'inspector'.startswith(self.args.only):
            self.inspector()
        if not self.args.only:
            print()
            self.threads()

    def version(self):
        text = subprocess.run([self.args.qcheck, '--version'], stdout=subprocess.PIPE,
                              text=True).stdout
        return text.splitlines()[0] if text else 'qcheck'

    def clean(self):
        if self.args.keep:
            return
        for name in self.made:
            os.unlink(os.path.join(self.dir, name + '.qcow2'))
        if not self.args.dir:
            shutil.rmtree(self.dir)


def seconds(s):
    return '%.1f ms' % (s * 1e3) if s < 1 else '%.2f s' % s


def show(*cells):
    widths = (50, 10, 10, 13, 7, 8, 7, 7, 7, 8, 9)
    print('  '.join(c.ljust(w) if i in (0, 3) else c.rjust(w)
                    for i, (c, w) in enumerate(zip(cells, widths))).rstrip(), flush=True)


def main():
    p = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    p.add_argument('qcheck')
    p.add_argument('--tools', default=HERE, help='where mkimage, floor and measure are')
    p.add_argument('--dir', help='where to put the images (a new folder here)')
    p.add_argument('--keep', action='store_true', help='leave the images there')
    p.add_argument('--runs', type=int, default=5, help='rounds per row')
    p.add_argument('--threads', type=int, default=os.cpu_count())
    p.add_argument('--quick', action='store_true', help='leave out the largest images')
    p.add_argument('--only', help='only rows with this in their title')
    p.add_argument('--no-qemu', action='store_true')
    p.add_argument('--qemu-seconds', type=float, default=30, help='patience with qemu-img')
    bench = Bench(p.parse_args())
    try:
        bench.all()
    finally:
        bench.clean()
    sys.exit(1 if bench.missed else 0)


if __name__ == '__main__':
    main()
