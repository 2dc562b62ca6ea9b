/* A disk that fails on request. The test's own pwrite and fdatasync take the place of libc's in the
 * whole executable; with nothing asked for they do what those do. */
#ifndef TAMIS_TEST_FAULTS_H
#define TAMIS_TEST_FAULTS_H

#include <errno.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Atomic, because the test sets them while the server's threads write. */
static struct {
  _Atomic int write_error;     /* pwrite fails with this, once `write_budget` bytes are written */
  _Atomic size_t write_budget; /* the last write before that is short */
  _Atomic int interruptions;   /* so many writes end with EINTR first */
  _Atomic int sync_error;
  _Atomic unsigned writes, syncs; /* so many were asked for */
} faults;

ssize_t pwrite(int descriptor, const void *bytes, size_t length, off_t offset) {
  faults.writes++;
  if (faults.interruptions > 0) {
    faults.interruptions--;
    errno = EINTR;
    return -1;
  }
  if (faults.write_error && faults.write_budget == 0) {
    errno = faults.write_error;
    return -1;
  }
  if (faults.write_error && length > faults.write_budget) length = faults.write_budget;
  ssize_t written = syscall(SYS_pwrite64, descriptor, bytes, length, offset);
  if (faults.write_error && written > 0) faults.write_budget -= (size_t)written;
  return written;
}

int fdatasync(int descriptor) {
  faults.syncs++;
  if (faults.sync_error) {
    errno = faults.sync_error;
    return -1;
  }
  return (int)syscall(SYS_fdatasync, descriptor);
}

#endif
