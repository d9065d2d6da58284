#include "report.h"

static void show_import(inspect_report *report, const pe_enclave *enclave,
                        const pe_enclave_import *import)
{
    inspect_open_record(report, NULL, INSPECT_ROW);
    inspect_range(report, "rva", import->at.value, enclave->import_size);
    inspect_number(report, "match", import->match);
    inspect_text(report, "match_name", pe_enclave_match_name(import->match));
    inspect_number(report, "minimum_security_version", import->minimum_security_version);
    inspect_dump(report, "unique_or_author_id", import->unique_or_author_id,
                 PE_ENCLAVE_AUTHOR_SIZE);
    inspect_dump(report, "family_id", import->family_id, PE_ENCLAVE_ID_SIZE);
    inspect_dump(report, "image_id", import->image_id, PE_ENCLAVE_ID_SIZE);
    if (import->name_status == PE_OK)
        inspect_span(report, "name", import->name);
    inspect_status(report, import->name_status);
    inspect_close_record(report);
}

static void show_fields(inspect_report *report, const pe_enclave *enclave)
{
    inspect_range(report, "rva", enclave->at.value, enclave->size);
    inspect_number(report, "minimum_size", enclave->minimum_size);
    inspect_hex(report, "policy", enclave->policy, 8);
    inspect_flags(report, "policy_names", enclave->policy, pe_enclave_policy_name);
    inspect_dump(report, "family_id", enclave->family_id, PE_ENCLAVE_ID_SIZE);
    inspect_dump(report, "image_id", enclave->image_id, PE_ENCLAVE_ID_SIZE);
    inspect_number(report, "image_version", enclave->image_version);
    inspect_number(report, "security_version", enclave->security_version);
    inspect_hex(report, "enclave_size", enclave->enclave_size, 1);
    inspect_number(report, "threads", enclave->threads);
    inspect_hex(report, "flags", enclave->flags, 8);
}

static pe_status show_imports(inspect_report *report, const pe_enclave *enclave, uint64_t *count)
{
    pe_enclave_iter imports;
    pe_enclave_import import;
    pe_status status;
    pe_enclave_imports(report->image, enclave, &imports);
    while ((status = pe_enclave_import_next(&imports, &import)) == PE_OK) {
        if (!inspect_charge(report, import.name))
            return PE_OUT_OF_BOUNDS;
        show_import(report, enclave, &import);
        *count += 1;
    }
    return status;
}

void inspect_enclave(inspect_report *report)
{
    pe_load_config config;
    pe_enclave enclave;
    uint64_t count = 0;
    pe_status status = pe_load_config_open(report->image, &config);
    if (status == PE_OK)
        status = pe_enclave_open(report->image, &config, &enclave);
    bool is_there = status == PE_OK;

    inspect_open_table(report, "enclave");
    if (is_there)
        status = show_imports(report, &enclave, &count);
    inspect_close_items(report, count);
    if (is_there)
        show_fields(report, &enclave);
    inspect_end_table(report, status == PE_NOT_PRESENT ? PE_OK : status);
}
