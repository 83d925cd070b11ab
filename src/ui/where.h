/* Places in words and in numbers: the place line, and which view shows a place best. */
#ifndef QCHECK_UI_WHERE_H
#define QCHECK_UI_WHERE_H

#include "ui/view.h"

/* The host cluster in which a place stands (of an entry: where the entry lies, not where it
 * points). False where there is none. */
bool where_cluster(const struct ui *ui, const struct place *p, uint64_t *cluster);

/* The guest range a place concerns, cut to the disk. False: none is known. */
bool where_guest(const struct ui *ui, const struct place *p, uint64_t *start, uint64_t *len);

/* "file 0x1c0000 › cluster 28 › L2 table › L1[3] › guest 1.5 GiB – 2 GiB" */
void where_line(const struct ui *ui, const struct place *p, struct buf *out);

/* "1.5 GiB + 64 KiB" -> exact: the size where that is exact, else 0x… */
void where_offset(uint64_t off, struct buf *out);

/* The view to show a place in: `now` when it can, else the one that fits best. */
enum view_id where_best_view(const struct place *p, enum view_id now);

#endif
