#include "section/share.h"

#define LARGE_IMAGE (UINT64_C(1) << 20)

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

/* A segment that is as large as this image. */
static ldr_status find(const sharer *s, ldr__registry_use use, ldr__handle *ret_segment)
{
    ldr__handle found;
    ldr__file_stamp stamp;
    ldr_status status = ldr__os_registry_find(&s->key, use, 1, &found);
    if (status != LDR_OK)
        return status;
    status = ldr__os_file_stamp(found, &stamp);
    if (status != LDR_OK || stamp.size != s->section->plan.size) {
        ldr__os_close(found);
        return LDR_OS_ERROR;
    }
    *ret_segment = found;
    return LDR_OK;
}

/* Whether what was read since the stamp was taken is all of one state of the file. */
static bool is_unchanged(const sharer *s)
{
    const ldr__file_stamp *then = s->source->stamp;
    ldr__file_stamp now;
    return ldr__os_file_stamp(s->source->file, &now) == LDR_OK && now.size == then->size &&
           now.modified == then->modified && now.changed == then->changed;
}

static ldr_status publish(const sharer *s, ldr__handle segment, ldr_sharing sharing,
                          ldr__shared_by *by)
{
    ldr__registry_mark mark;
    ldr_status status = ldr__os_registry_publish(&s->key, &segment, 1, &mark);
    if (status != LDR_OK)
        return status;
    by->mark.entry = mark.entry;
    if (sharing == LDR_SHARING_FOUND || mark.entry.value >= 0)
        by->sharing = sharing;
    return LDR_OK;
}

/* ---- The segment in image layout ---- */

static ldr_status make_segment(const sharer *s, const ldr__registry_key *key)
{
    return make(s, LDR_BACKING_SEGMENT, key, &s->section->segment);
}

/* The one who had the claim may be gone, and others still have the copy: to look for it takes less
 * than to make a large one. */
static ldr_status find_segment(const sharer *s, ldr__handle *ret_segment)
{
    ldr_section *section = s->section;
    ldr_status status = ldr__os_registry_claim(&s->key, &section->segment_by.mark.claim);
    if (status == LDR_BUSY || (status == LDR_OK && section->plan.size >= LARGE_IMAGE))
        return find(s, LDR__REGISTRY_COPY, ret_segment);
    return status == LDR_OK ? LDR_FILE_NOT_FOUND : status;
}

/* What cannot be shared is had alone. */
static ldr_status take_segment(sharer *s, const ldr__plan_rules *rules)
{
    const ldr__file_stamp *stamp = s->source->stamp;
    ldr_section *section = s->section;
    if (stamp == NULL || !stamp->is_settled)
        return make_segment(s, NULL);
    s->key = make_key(s, rules);
    ldr_status status = find_segment(s, &section->segment);
    ldr_sharing sharing = LDR_SHARING_FOUND;
    if (status != LDR_OK) {
        status = make_segment(s, &s->key);
        sharing = LDR_SHARING_PUBLISHED;
    }
    if (status == LDR_OK && (sharing == LDR_SHARING_FOUND || is_unchanged(s)))
        publish(s, section->segment, sharing, &section->segment_by);
    return status;
}

/* Whoever has it fills it, which takes nothing from others who do: there may be two of them. */
ldr_status ldr__share_unfilled(ldr_section *section, const ldr__source *source,
                               const ldr__headers *headers, const ldr__plan_rules *rules)
{
    sharer s = {.section = section, .source = source, .headers = headers, .is_unfilled = true};
    const ldr__file_stamp *stamp = source->stamp;
    if (stamp == NULL || !stamp->is_settled)
        return ldr__os_segment_create(section->plan.size, &section->segment);
    s.key = make_key(&s, rules);
    ldr_sharing sharing = LDR_SHARING_FOUND;
    ldr_status status = find(&s, LDR__REGISTRY_UNFINISHED, &section->segment);
    if (status != LDR_OK) {
        status = ldr__os_registry_create(&s.key, section->plan.size, &section->segment);
        sharing = LDR_SHARING_PUBLISHED;
    }
    if (status == LDR_OK && (sharing == LDR_SHARING_FOUND || is_unchanged(&s)))
        publish(&s, section->segment, sharing, &section->segment_by);
    return status;
}

/* ---- What is SHARED ---- */

static ldr_status find_or_make(const sharer *s, ldr__handle *ret_segment, ldr_sharing *ret_sharing)
{
    ldr_status status = find(s, LDR__REGISTRY_MEMORY, ret_segment);
    if (status != LDR_FILE_NOT_FOUND) {
        *ret_sharing = LDR_SHARING_FOUND;
        return status;
    }
    ldr__handle made;
    status = make(s, LDR_BACKING_SHARED, &s->key, &made);
    if (status != LDR_OK)
        return status;
    if (!is_unchanged(s)) {
        ldr__os_close(made);
        return LDR_IO_ERROR;
    }
    *ret_segment = made;
    *ret_sharing = LDR_SHARING_PUBLISHED;
    return LDR_OK;
}

static ldr_status take_shared(sharer *s)
{
    ldr_section *section = s->section;
    if (s->source->stamp == NULL)
        return make(s, LDR_BACKING_SHARED, NULL, &section->shared);
    s->key = make_key(s, NULL);
    ldr__registry_lock *lock;
    ldr_sharing sharing;
    ldr_status status = ldr__os_registry_lock(&s->key, &lock);
    if (status != LDR_OK)
        return status;
    status = find_or_make(s, &section->shared, &sharing);
    if (status == LDR_OK)
        status = publish(s, section->shared, sharing, &section->shared_by);
    ldr__os_registry_unlock(lock);
    return status;
}

ldr_status ldr__share_segments(ldr_section *section, const ldr__source *source,
                               const ldr__headers *headers, const ldr__plan_rules *rules)
{
    sharer s = {.section = section, .source = source, .headers = headers};
    bool is_shared = ldr__plan_uses(&section->plan, LDR_BACKING_SHARED);
    ldr_status status = LDR_OK;
    if (is_shared || ldr__plan_uses(&section->plan, LDR_BACKING_SEGMENT))
        status = take_segment(&s, rules);
    if (status == LDR_OK && is_shared)
        status = take_shared(&s);
    return status;
}
