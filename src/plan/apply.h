/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Carries out a plan, on a copy or on the image itself, and takes it back. The callers open
 * the files, lock them, and enter the sandbox; nothing here opens anything. */
#ifndef QCHECK_PLAN_APPLY_H
#define QCHECK_PLAN_APPLY_H

#include <stdatomic.h>

#include "plan/plan.h"
#include "plan/undo.h"

struct apply_progress {
    _Atomic uint64_t done, total;       /* bytes */
    _Atomic bool cancel;
};

/* Writes the image as it would be under the plan to `out`, a new file. The plan must fit
 * `image`. */
bool apply_to_copy(const struct plan *plan, struct source *image, struct sink *out,
                   struct apply_progress *progress, struct error *err);

/* Writes the changes into the image.
 *   image       its bytes, `target` the same file opened for writing
 *   saved       the undo file, written and synced already (undo_write); `mark` the same file
 *               opened for writing
 * New clusters are written first, then what is replaced, then the first cluster, then the
 * file is cut; each is synced before the next. Stopped anywhere, the same call again ends as
 * the first would have, and apply_undo gives the image back. Called once more when all is done
 * it writes nothing, and fails if the image was changed since. */
bool apply_in_place(const struct plan *plan, struct source *image, struct sink *target,
                    const struct undo *saved, struct sink *mark,
                    struct apply_progress *progress, struct error *err);

/* Puts back what was there before. False, and nothing is written, when the undo file is
 * damaged or the image is not the one it belongs to. Whether the image was changed since is
 * for undo_fits to say. */
bool apply_undo(const struct undo *saved, struct source *image, struct sink *target,
                struct sink *mark, struct apply_progress *progress, struct error *err);

#endif
