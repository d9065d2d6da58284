/* control_area.h: what stands behind a view, and behind addresses of it. */
#ifndef PELOAD_CLI_CONTROL_AREA_H
#define PELOAD_CLI_CONTROL_AREA_H

#include "cli/cli.h"

/* The section of a view as a kernel debugger would show it. */
void map_control_area_json(cli_json *json, const ldr_view *view);
void map_control_area_text(const ldr_view *view);

/* The addresses that --locate asked for, in that order. */
typedef struct map_locations {
    ldr_location items[CLI_LIST_MAX];
    size_t count;
} map_locations;

/* False, said on stderr, unless all of them are numbers. */
bool map_locations_parse(const cli_list *wanted);

/*
 * Looks them up; a number that is no address of the view counts as an RVA. False, said on stderr,
 * if one lies outside the view or the system does not tell.
 */
bool map_locations_find(const ldr_view *view, const cli_list *wanted, map_locations *ret_locations);
void map_locations_json(cli_json *json, const ldr_view *view, const map_locations *locations);
void map_locations_text(const ldr_view *view, const map_locations *locations);

#endif
