/*
 * decoded.h: what leaves of the resource tree hold, by type.
 */
#ifndef PELOAD_INSPECT_DECODED_H
#define PELOAD_INSPECT_DECODED_H

#include "report.h"

/* Shows the contents of one leaf as members of an open record: how reading it ended. */
pe_status inspect_show_version(inspect_report *report, const pe_resource_item *item);

#endif
