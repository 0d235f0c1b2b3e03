/* SQLite's memory through fault_malloc: the size stands in front of each piece. */
#ifndef FACET_TEST_SQLITE_MEMORY_H
#define FACET_TEST_SQLITE_MEMORY_H

/* A group's setup, before anything opened a database. */
int sqlite_use_our_memory(void **state);

#endif
