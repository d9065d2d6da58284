/*
 * snapshot.h: what the pages of an image's view hold at one moment, to come back to.
 *
 * The pages that the view can write to, and all those that are its own copies, are put into a
 * segment, which is mapped in their place: from then on a page that is the view's own has been
 * written to since, and the system tells which those are. Better still if it notes which pages are
 * written to: then those need not be looked at that were written to before and have come back.
 * Pages that are written to again and again are copied back.
 */
#ifndef PELOAD_SNAPSHOT_H
#define PELOAD_SNAPSHOT_H

#include "section/object.h"

/*
 * Notes what the pages hold and may do; it takes the place of an earlier snapshot. Memory that is
 * SHARED has no part in it, but for what is the view's own. No other thread may write to the view
 * meanwhile. LDR_NO_MEMORY, LDR_OS_ERROR (also for a file cut off): the view holds what it did, and
 * has no snapshot.
 */
ldr_status ldr__snapshot_take(ldr_view *view);

/*
 * Has the pages hold, and be allowed, what they were when the snapshot was taken.
 * LDR_INVALID_ARGUMENT: there is none. LDR_NO_MEMORY, LDR_OS_ERROR: some pages may be as they were
 * before, others as in the snapshot; it can be tried again.
 */
ldr_status ldr__snapshot_restore(ldr_view *view);

/* NULL is allowed. */
void ldr__snapshot_release(ldr__snapshot *snapshot);

#endif
