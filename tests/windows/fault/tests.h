/* tests.h: tests that are in files of their own. */
#ifndef PELOAD_FAULT_TESTS_H
#define PELOAD_FAULT_TESTS_H

void systems_image_that_is_not_trusted_is_refused(void);
void systems_image_is_not_copied_where_its_base_is_taken(void);
void systems_view_elsewhere_is_relocated_from_the_kernels_base(void);

#endif
