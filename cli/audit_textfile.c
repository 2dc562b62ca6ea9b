/* One gauge a line, each with the log's name. */
#include "cli/audit_textfile.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/durable_file.h"

static void put(FILE *out, const char *name, const char *help, const char *origin, double value) {
  fprintf(out, "# HELP %s %s\n# TYPE %s gauge\n%s{origin=\"%s\"} %.12g\n", name, help, name, name,
          origin, value);
}

/* After the first entry that does not follow nothing is vouched for, whatever it looks like. */
static double completeness(const struct audit_report *report) {
  uint64_t total = report->covered > report->entries ? report->covered : report->entries;
  if (!report->has_diverged) return 1;
  if (total == 0 || report->divergence.index >= total) return 0;
  return (double)report->divergence.index / (double)total;
}

static char *text_of(const char *origin, const struct audit_report *report, int64_t unix_seconds,
                     double seconds, size_t *length) {
  char *text = NULL;
  FILE *out = open_memstream(&text, length);
  if (out == NULL) return NULL;
  put(out, "tamis_provenance_completeness",
      "M5: share of the log's entries, from the first on, whose signature, place, files and reason "
      "an audit has found good.",
      origin, completeness(report));
  put(out, "tamis_audit_entries", "Entries that the audit read.", origin, (double)report->entries);
  put(out, "tamis_audit_decisions", "The server's decisions that were made again.", origin,
      (double)report->decisions);
  put(out, "tamis_audit_by_policy", "Rounds not made again: their files were let go.", origin,
      (double)report->by_policy);
  put(out, "tamis_audit_seconds", "How long it took.", origin, seconds);
  put(out, "tamis_audit_timestamp_seconds", "When it ended.", origin, (double)unix_seconds);
  if (fclose(out) == 0) return text;
  free(text);
  return NULL;
}

enum tamis_status audit_textfile_write(const char *path, const char *origin,
                                       const struct audit_report *report, int64_t unix_seconds,
                                       double seconds, struct fault *fault) {
  struct durable_draft draft;
  size_t length = 0;
  char *text = text_of(origin, report, unix_seconds, seconds, &length);
  if (text == NULL) return fault_plain(fault, TAMIS_NO_MEMORY);
  enum tamis_status status = durable_draft_open(path, length, &draft, fault);
  if (status == TAMIS_OK) {
    memcpy(draft.bytes, text, length);
    status = durable_draft_commit(&draft, fault);
  }
  free(text);
  return status;
}
