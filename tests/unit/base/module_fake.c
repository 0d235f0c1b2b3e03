/* The module that test_module.c opens. */
#include <facet/export.h>

FACET_API const int facet_module_fake = 42;
