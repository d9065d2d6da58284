/*
 * pe.h: facts about a Portable Executable image, read from bytes.
 *
 * This is the whole public interface of the parser. It is freestanding C17: it allocates nothing,
 * does no input or output, and keeps no state. An image is opened over bytes that the caller owns;
 * everything handed out borrows those bytes and is valid as long as they are.
 *
 *   pe_image image;
 *   pe_diag diag;
 *   if (pe_open((pe_span){bytes, size}, PE_LAYOUT_FILE, &image, &diag) != PE_OK) ...
 *   pe_import_iter dlls;
 *   pe_import_dll dll;
 *   pe_imports(&image, &dlls);
 *   while (pe_import_next(&dlls, &dll) == PE_OK) ...
 *
 * The bytes are either a file as it lies on disk or an image as it lies in memory (pe_layout);
 * everything below works on both. A broken directory never fails the image: each iterator has a
 * status of its own. Sources: "PE Format" (Microsoft, MicrosoftDocs/win32 pe-format.md), quoted as
 * [PE section]; rules with an ID are in pe/RULES.md.
 */
#ifndef PELOAD_PE_H
#define PELOAD_PE_H

#include <peload/pe/certificates.h>
#include <peload/pe/chpe.h>
#include <peload/pe/clr.h>
#include <peload/pe/coff.h>
#include <peload/pe/config.h>
#include <peload/pe/debug.h>
#include <peload/pe/dos.h>
#include <peload/pe/dynamic.h>
#include <peload/pe/exceptions.h>
#include <peload/pe/file.h>
#include <peload/pe/findings.h>
#include <peload/pe/image.h>
#include <peload/pe/linking.h>
#include <peload/pe/resources.h>

#endif
