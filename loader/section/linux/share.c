#include "section/share.h"
#include "section/diag.h"

/* What both segments are made from. */
typedef struct sharer {
    ldr_section *section;
    const ldr__source *source;
    const ldr__headers *headers;
    ldr__registry_key key; /* valid when the source has a stamp */
    bool is_unfilled;
} sharer;

/* ---- Keys ---- */

/* From the signature to the end of the section table: all that decides where bytes go. */
static ldr__registry_key key_of_headers(const ldr_section *section)
{
    enum { ENTRY_SIZE = 40 };
    const pe_image *image = &section->image;
    uint64_t start = image->file.offset.value;
    uint64_t end = image->section_table.value + ENTRY_SIZE * (uint64_t)image->file.section_count;
    ldr__registry_key key;
    ldr__os_registry_key(section->headers + start, end - start, &key);
    return key;
}

/* SHARED memory is the same whatever the section object is for; the rules decide what else is in
 * the segment. NULL: SHARED. */
static ldr__registry_key make_key(const sharer *s, const ldr__plan_rules *rules)
{
    const ldr__file_stamp *stamp = s->source->stamp;
    ldr__registry_key headers = key_of_headers(s->section);
    ldr__registry_key key;
    uint64_t parts[] = {stamp->id.device,
                        stamp->id.inode,
                        stamp->size,
                        stamp->modified,
                        headers.words[0],
                        headers.words[1],
                        rules == NULL,
                        rules != NULL ? stamp->changed : 0,
                        rules != NULL ? (uint64_t)rules->profile : 0,
                        rules != NULL && rules->direct,
                        s->is_unfilled};
    ldr__os_registry_key(parts, sizeof parts, &key);
    return key;
}

/* ---- Both ---- */

static ldr_status make(const sharer *s, ldr_backing backing, const ldr__registry_key *key,
                       ldr__handle *ret_segment)
{
    return ldr__source_segment(s->source, s->headers, &s->section->plan, backing, key, ret_segment);
}

/* Whether a segment that was found is as large as this image. */
static ldr_status check(const sharer *s, ldr__handle found, ldr__handle *ret_segment)
{
    ldr__file_stamp stamp;
    ldr_status status = ldr__os_file_stamp(found, &stamp);
    if (status != LDR_OK || stamp.size != s->section->plan.size) {
        ldr__os_close(found);
        return LDR_OS_ERROR;
    }
    *ret_segment = found;
    return LDR_OK;
}

/* Whether what was read since the stamp was taken is all of one state of the file. What can be
 * missed must be sure; to be given another name is no reason to fail. */
static bool is_unchanged(const sharer *s, bool is_sure)
{
    const ldr__file_stamp *then = s->source->stamp;
    ldr__file_stamp now;
    return ldr__os_file_stamp(s->source->file, &now) == LDR_OK && now.size == then->size &&
           now.modified == then->modified && (!is_sure || now.changed == then->changed);
}

/* ---- The segment in image layout ---- */

static ldr_status find_segment(const sharer *s, ldr__handle *ret_segment)
{
    ldr__handle found;
    ldr_status status = ldr__os_copy_find(s->source->file, &s->key, !s->is_unfilled, &found);
    return status == LDR_OK ? check(s, found, ret_segment) : status;
}

/* Where the section has its segment from, after it has been made or found. */
static void mark_segment(const sharer *s, ldr_sharing sharing)
{
    ldr_section *section = s->section;
    if (sharing == LDR_SHARING_PUBLISHED && !is_unchanged(s, true))
        sharing = LDR_SHARING_NONE;
    if (sharing != LDR_SHARING_NONE && !ldr__os_copy_mark(s->source->file, section->segment) &&
        sharing == LDR_SHARING_PUBLISHED)
        sharing = LDR_SHARING_NONE;
    section->segment_sharing = sharing;
}

static bool can_be_shared(const ldr__source *source)
{
    return source->stamp != NULL && source->stamp->is_settled;
}

/* What cannot be shared is had alone. */
static ldr_status take_segment(sharer *s, const ldr__plan_rules *rules)
{
    ldr_section *section = s->section;
    if (!can_be_shared(s->source))
        return make(s, LDR_BACKING_SEGMENT, NULL, &section->segment);
    s->key = make_key(s, rules);
    ldr_sharing sharing = LDR_SHARING_FOUND;
    if (find_segment(s, &section->segment) != LDR_OK) {
        ldr_status status = make(s, LDR_BACKING_SEGMENT, &s->key, &section->segment);
        if (status != LDR_OK)
            return status;
        sharing = LDR_SHARING_PUBLISHED;
    }
    mark_segment(s, sharing);
    return LDR_OK;
}

static ldr_status make_unfilled(const sharer *s, ldr__handle *ret_segment)
{
    ldr__handle made;
    ldr_status status = ldr__os_registry_create(&s->key, s->section->plan.size, &made);
    if (status != LDR_OK)
        return status;
    status = ldr__os_segment_fix_size(made);
    if (status != LDR_OK) {
        ldr__os_close(made);
        return status;
    }
    *ret_segment = made;
    return LDR_OK;
}

/* Whoever has it fills it, which takes nothing from others who do: there may be two of them. */
ldr_status ldr__share_unfilled(ldr_section *section, const ldr__source *source,
                               const ldr__headers *headers, const ldr__plan_rules *rules)
{
    sharer s = {.section = section, .source = source, .headers = headers, .is_unfilled = true};
    if (!can_be_shared(source))
        return ldr__os_segment_create(section->plan.size, &section->segment);
    s.key = make_key(&s, rules);
    ldr_sharing sharing = LDR_SHARING_FOUND;
    if (find_segment(&s, &section->segment) != LDR_OK) {
        ldr_status status = make_unfilled(&s, &section->segment);
        if (status != LDR_OK)
            return status;
        sharing = LDR_SHARING_PUBLISHED;
    }
    mark_segment(&s, sharing);
    return LDR_OK;
}

/* ---- What is SHARED ---- */

static ldr_status make_shared(const sharer *s, ldr__handle *ret_segment)
{
    ldr__handle made;
    ldr_status status = make(s, LDR_BACKING_SHARED, &s->key, &made);
    if (status != LDR_OK)
        return status;
    if (!is_unchanged(s, false)) {
        ldr__os_close(made);
        return LDR_IO_ERROR;
    }
    *ret_segment = made;
    return LDR_OK;
}

static ldr_status find_or_make(const sharer *s, ldr__handle *ret_segment, ldr_sharing *ret_sharing)
{
    ldr__handle found;
    ldr_status status = ldr__os_registry_find(&s->key, LDR__REGISTRY_MEMORY, 1, &found);
    if (status == LDR_OK) {
        *ret_sharing = LDR_SHARING_FOUND;
        return check(s, found, ret_segment);
    }
    *ret_sharing = LDR_SHARING_PUBLISHED;
    return status == LDR_FILE_NOT_FOUND ? make_shared(s, ret_segment) : status;
}

static ldr_status find_and_publish(const sharer *s)
{
    ldr_section *section = s->section;
    ldr_sharing sharing;
    ldr_status status = find_or_make(s, &section->shared, &sharing);
    if (status == LDR_OK)
        status = ldr__os_registry_publish(&s->key, &section->shared, 1, &section->shared_mark);
    if (status == LDR_OK && section->shared_mark.entry.value >= 0)
        section->shared_sharing = sharing;
    return status;
}

static ldr_status take_shared(sharer *s)
{
    if (s->source->stamp == NULL)
        return make(s, LDR_BACKING_SHARED, NULL, &s->section->shared);
    s->key = make_key(s, NULL);
    ldr__registry_lock *lock;
    ldr_status status = ldr__os_registry_lock(&s->key, &lock);
    if (status != LDR_OK)
        return status;
    status = find_and_publish(s);
    ldr__os_registry_unlock(lock);
    return status;
}

ldr_status ldr__share_segments(ldr_section *section, const ldr__source *source,
                               const ldr__headers *headers, const ldr__plan_rules *rules,
                               ldr_diag *diag)
{
    sharer s = {.section = section, .source = source, .headers = headers};
    bool is_shared = ldr__plan_uses(&section->plan, LDR_BACKING_SHARED);
    ldr_status status = LDR_OK;
    if (is_shared || ldr__plan_uses(&section->plan, LDR_BACKING_SEGMENT))
        status = take_segment(&s, rules);
    if (status == LDR_OK && is_shared)
        status = take_shared(&s);
    return status == LDR_OK ? LDR_OK
                            : ldr__fail(diag, status, ldr__nt_status_of(status), section->name);
}
