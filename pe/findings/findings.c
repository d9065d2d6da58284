#include "pe/findings/checks.h"
#include "pe/image/address.h"
#include "pe/image/headers.h"
#include "pe/image/layout.h"

typedef struct finding_check {
    pe_finding_code code;
    pe__image_check *of_image;
    pe__section_check *of_section;
    pe__directory_check *of_directory;
} finding_check;

static const finding_check checks[] = {
#define X(name) {.code = PE_FINDING_##name, .of_image = pe__check_##name},
    PE__IMAGE_CHECKS(X)
#undef X
#define X(name) {.code = PE_FINDING_##name, .of_section = pe__check_##name},
        PE__SECTION_CHECKS(X)
#undef X
#define X(name) {.code = PE_FINDING_##name, .of_directory = pe__check_##name},
            PE__DIRECTORY_CHECKS(X)
#undef X
};

enum { CHECK_COUNT = sizeof checks / sizeof checks[0] };

const char *pe_finding_name(uint32_t code)
{
    switch (code) {
#define X(name, number, severity, text) \
    case number:                        \
        return #name;
        PE_FINDING_LIST(X)
#undef X
    default:
        return NULL;
    }
}

const char *pe_finding_text(uint32_t code)
{
    switch (code) {
#define X(name, number, severity, text) \
    case number:                        \
        return text;
        PE_FINDING_LIST(X)
#undef X
    default:
        return NULL;
    }
}

static pe_severity severity_of(pe_finding_code code)
{
    switch (code) {
#define X(name, number, severity, text) \
    case number:                        \
        return PE_##severity;
        PE_FINDING_LIST(X)
#undef X
    default:
        return PE_NOTICE;
    }
}

const char *pe_severity_name(pe_severity severity)
{
    static const char *const names[] = {"notice", "warning", "error"};
    return (uint32_t)severity < sizeof names / sizeof names[0] ? names[severity] : NULL;
}

void pe_findings(const pe_image *image, pe_finding_iter *ret_iter)
{
    *ret_iter = (pe_finding_iter){
        .image = image, .budget = pe_budget_for(image->bytes.size), .status = PE_OK};
}

static uint32_t subject_count(const pe_image *image, const finding_check *check)
{
    if (check->of_image != NULL)
        return 1;
    return check->of_section != NULL ? image->file.section_count : (uint32_t)PE_DIRECTORY_COUNT;
}

static bool try_section(const pe_image *image, const finding_check *check, uint32_t index,
                        pe__evidence *ret_evidence)
{
    pe_section section;
    if (pe_section_at(image, index, &section) != PE_OK ||
        !pe__pay(image->budget, section.offset.value, PE__COST_RECORD))
        return false;
    ret_evidence->offset = section.offset.value;
    return check->of_section(image, index, &section, ret_evidence);
}

static bool try_directory(const pe_image *image, const finding_check *check, uint32_t index,
                          pe__evidence *ret_evidence)
{
    uint32_t first = pe_is_64(image) ? OPT_DIRECTORIES_64 : OPT_DIRECTORIES;
    if (index >= image->optional.directory_count)
        return false;
    ret_evidence->offset = image->optional.offset.value + first + DIRECTORY_SIZE * index;
    return check->of_directory(image, (pe_directory_index)index, ret_evidence);
}

static bool try_check(const pe_image *image, const finding_check *check, uint32_t index,
                      pe_finding *ret_finding)
{
    pe__evidence evidence = {0};
    pe_subject subject = check->of_image != NULL     ? PE_ABOUT_IMAGE
                         : check->of_section != NULL ? PE_ABOUT_SECTION
                                                     : PE_ABOUT_DIRECTORY;
    bool is_found = subject == PE_ABOUT_IMAGE     ? check->of_image(image, &evidence)
                    : subject == PE_ABOUT_SECTION ? try_section(image, check, index, &evidence)
                                                  : try_directory(image, check, index, &evidence);
    if (!is_found)
        return false;
    *ret_finding = (pe_finding){
        .code = check->code,
        .severity = severity_of(check->code),
        .subject = subject,
        .index = index,
        .offset = {evidence.offset},
        .value = evidence.value,
        .expected = evidence.expected,
    };
    return true;
}

static bool reads_contents(const finding_check *check)
{
    return check->code == PE_FINDING_CHECKSUM_WRONG || check->code == PE_FINDING_CODE_ENTROPY_HIGH;
}

/* The next finding of the check that is at its turn; PE_END behind the last. */
static pe_status try_next(pe_finding_iter *iter, const pe_image *image, pe_finding *ret_finding)
{
    const finding_check *check = &checks[iter->check];
    if (iter->without_contents && reads_contents(check))
        return PE_END;
    while (iter->index < subject_count(image, check)) {
        if (try_check(image, check, iter->index++, ret_finding))
            return PE_OK;
        if (image->budget->is_spent)
            return PE_BUDGET_SPENT;
    }
    return PE_END;
}

pe_status pe_finding_next(pe_finding_iter *iter, pe_finding *ret_finding)
{
    pe_image image = *iter->image;
    if (image.budget == NULL)
        image.budget = &iter->budget;
    while (iter->status == PE_OK && iter->check < CHECK_COUNT) {
        pe_status status = try_next(iter, &image, ret_finding);
        if (status == PE_OK)
            return PE_OK;
        if (status == PE_BUDGET_SPENT)
            iter->status = status;
        iter->check++;
        iter->index = 0;
    }
    if (iter->status == PE_OK)
        iter->status = PE_END;
    return iter->status;
}
