/* PROTOCOL.md as one string, for the tests that hold the page to the code. */
#ifndef TAMIS_TEST_PAGE_H
#define TAMIS_TEST_PAGE_H

#include <stdio.h>
#include <stdlib.h>

/* malloc'd and terminated; ends the test program when the page is not there. */
static inline char *page_read(void) {
  enum { SIZE_MAX_READ = 1 << 20 };
  char *page = malloc(SIZE_MAX_READ + 1);
  FILE *file = fopen(TAMIS_SOURCE_DIR "/PROTOCOL.md", "r");
  if (!page || !file) abort();
  page[fread(page, 1, SIZE_MAX_READ, file)] = '\0';
  fclose(file);
  return page;
}

#endif
