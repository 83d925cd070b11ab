/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Inside the process that reads file systems (volumes.h). Nothing here can hurt the program,
 * and a fault in a library ends this process only. */
#ifndef QCHECK_VOLUMES_FS_WORK_H
#define QCHECK_VOLUMES_FS_WORK_H

#include "volumes/volumes_wire.h"

#define FS_SLOT_BYTES (64u << 10)
#define FS_SLOTS      256               /* 16 MiB of what was read last */

#define FS_PLACES_MAX (1u << 20)        /* kept of one disk: 24 MiB */

/* A lost range, and the touch that met it. */
struct fs_place { struct guest_range at; uint32_t touch; };

struct fs_slot { uint64_t off; uint8_t *bytes; };   /* off NO_ADDRESS: empty */

#define FS_STAND_INS_MAX (2 * VOLUMES_MAX)

/* Bytes [off, off + len) of a volume, which are read from its byte `from` on: those there are
 * lost or damaged, and these are their copy. */
struct fs_stand_in { uint32_t volume; uint64_t off, len, from; };

/* The whole disk. */
struct fs_work {
    int fd;                             /* to the program */
    uint8_t unsent[64u << 10];          /* of the messages so far */
    size_t unsent_len;
    int memfd;                          /* for libblkid */
    uint64_t size;
    enum volumes_want want;
    bool want_places;
    struct guest_ranges lack[N_LACKS];  /* guest bytes, sorted */
    struct volume *vol;                 /* VOLUMES_MAX of them */
    uint32_t n_vol;
    struct fs_slot slot[FS_SLOTS];
    struct fs_stand_in stand_in[FS_STAND_INS_MAX];
    uint32_t n_stand_ins;
    struct fs_place *place;             /* in the order in which they were met */
    uint32_t n_places, places_cap, n_touches;
};

/* One volume whose file system is looked into. */
struct fs {
    struct fs_work *w;
    uint32_t index;
    struct volume *v;                   /* w->vol[index] */
    struct guest_ranges lack[N_LACKS];  /* bytes of the volume, sorted */
    uint64_t known[N_LACKS];            /* of them those whose owner was found */
    uint32_t part, parts;               /* of the progress of all */
};

/* What something lacks. Its places are among w->place[first_place .. end_place). */
struct touch {
    uint64_t bytes[N_LACKS];
    uint64_t first, file_off;
    uint32_t id, first_place, end_place;
};
#define TOUCH_INIT { { 0 }, NO_ADDRESS, NO_ADDRESS, 0, 0, 0 }

/* Sends a message: a, then b. It may wait for those that follow it, at the longest for the next
 * read, report of progress or end. Ends the process when the program is gone. */
void fs_say(struct fs_work *w, enum wire_type type, const void *a, size_t a_len, const void *b,
            size_t b_len);
void fs_flush(struct fs_work *w);           /* ... sends all that waits */

/* Ends the process when the program is gone. Bytes past the end are zeros. Of a volume, what
 * has a stand-in is read from that. */
void fs_volume_read(struct fs_work *w, const struct volume *v, uint64_t off, void *dst,
                    size_t len);
/* Has [off, off + len) of the volume read from its byte `from` on. */
bool fs_has_stand_in(const struct fs_work *w, const struct volume *v);
void fs_use_stand_in(struct fs_work *w, const struct volume *v, uint64_t off, uint64_t len,
                     uint64_t from);
/* Adds a sentence to v->note. */
void fs_note(struct volume *v, const char *format, ...) __attribute__((format(printf, 2, 3)));
void fs_send_item(struct fs_work *w, struct volume_item *item, const struct touch *t,
                  const char *path, size_t len);
void fs_progress(const struct fs *fs, uint64_t done, uint64_t total);

/* Adds what of [off, off + len) of the volume is lacking; file_off: where that is in the
 * file, NO_ADDRESS: nowhere. The owner of those bytes counts as found. */
void touch_add(struct fs *fs, struct touch *t, uint64_t off, uint64_t len, uint64_t file_off);
/* The same of what need not be there: that it is unmapped is as it should be. */
void touch_add_spare(struct fs *fs, struct touch *t, uint64_t off, uint64_t len,
                     uint64_t file_off);
/* Does [off, off + len) lack anything? */
bool fs_lacks_any(const struct fs *fs, uint64_t off, uint64_t len);
/* Bytes of [off, off + len) that lack something in this way. */
uint64_t fs_lacking(const struct fs *fs, enum volume_lack lack, uint64_t off, uint64_t len);
/* Is this what the program wants to hear of? */
static inline bool fs_wants(const struct fs_work *w, const struct touch *t)
{
    return w->want == VOLUMES_ASKED ? t->bytes[LACK_ASKED] != 0
         : w->want == VOLUMES_LACKING &&
           (t->bytes[LACK_LOST] || t->bytes[LACK_DOUBTFUL] || t->bytes[LACK_UNMAPPED]);
}
/* Does anything in the volume lack anything? */
static inline bool fs_any(const struct fs *fs)
{
    return fs->lack[LACK_LOST].n || fs->lack[LACK_DOUBTFUL].n || fs->lack[LACK_UNMAPPED].n ||
           fs->lack[LACK_ASKED].n;
}

/* Sends an item of the file system itself, if it lacks anything. */
void fs_send_part(struct fs *fs, enum volume_item_kind kind, const struct touch *t,
                  uint64_t id, uint64_t count);

/* What is on the disk: fills w->vol. */
void fs_probe(struct fs_work *w);
/* Adds the logical volumes that lie in the volumes found so far. */
void fs_lvm(struct fs_work *w);
/* Says what lies in a volume: type, label, uuid, used. */
void fs_identify(struct fs_work *w, struct volume *v);

/* The same by libblkid alone. */
void fs_probe_volume(struct fs_work *w, struct volume *v);

#define FS_BTRFS_SUPER UINT64_C(65536)  /* bytes: where btrfs has its first super block */

/* Of a volume that was not recognised: tries the copies that file systems keep of their boot
 * sectors and super blocks, notes which one helped and says what lies there. */
void fs_identify_by_copy(struct fs_work *w, struct volume *v);
/* Block and block size of copy number `i` of a super block of ext; false: there are no more. */
bool fs_ext_copy(unsigned i, uint32_t *block, uint32_t *block_size);
/* Reads the first records of the file table of NTFS from their copy, where they are not there. */
void fs_ntfs_use_mirror(struct fs *fs);

/* Looks into one. False: it could not be read, v->note says why. */
bool fs_ext(struct fs *fs);
bool fs_ntfs(struct fs *fs);
bool fs_fat(struct fs *fs, bool files);     /* !files: only what is free and used */

/* Is the library there that they read with? Loads it, once; in the sandbox it is too late. */
bool fs_probe_load(struct error *err);
bool fs_ext_load(struct error *err);
bool fs_ntfs_load(struct error *err);
bool fs_fat_load(struct error *err);
void fs_libraries_load(void);               /* all of them */

#endif
