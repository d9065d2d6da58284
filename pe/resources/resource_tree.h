/*
 * resource_tree.h: going down the tree through one window, for the sources of this folder only.
 */
#ifndef PELOAD_PE_RESOURCE_TREE_H
#define PELOAD_PE_RESOURCE_TREE_H

#include <peload/pe.h>

/* pe_resource_children and pe_resource_leaf_open of an entry that `parent` gave. */
void pe__resource_children(const pe_resource_iter *parent, const pe_resource_entry *entry,
                           pe_resource_iter *ret_iter);
pe_status pe__resource_leaf(pe_resource_iter *parent, const pe_resource_entry *entry,
                            pe_resource_leaf *ret_leaf);

/* pe_resource_next, with what the entry is called in `ret_id` instead of the entry. */
pe_status pe__resource_next(pe_resource_iter *iter, pe_resource_id *ret_id,
                            pe_resource_entry *ret_entry);

#endif
