/* Small readers and writers for people; every one of them is total, since servers feed them too. */
#include "cli/human.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void human_age(int64_t milliseconds, char out[HUMAN_TEXT_SIZE]) {
  int64_t seconds = milliseconds < 0 ? 0 : milliseconds / 1000;
  if (seconds < 120)
    snprintf(out, HUMAN_TEXT_SIZE, "%llds", (long long)seconds);
  else if (seconds < 120 * 60)
    snprintf(out, HUMAN_TEXT_SIZE, "%lldm", (long long)(seconds / 60));
  else if (seconds < 48 * 3600)
    snprintf(out, HUMAN_TEXT_SIZE, "%lldh", (long long)(seconds / 3600));
  else
    snprintf(out, HUMAN_TEXT_SIZE, "%lldd", (long long)(seconds / 86400));
}

void human_bytes(uint64_t bytes, char out[HUMAN_TEXT_SIZE]) {
  static const char *const unit[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  if (bytes < 1024) {
    snprintf(out, HUMAN_TEXT_SIZE, "%lluB", (unsigned long long)bytes);
    return;
  }
  double amount = (double)bytes / 1024;
  size_t i = 0;
  for (; amount >= 1024 && i + 1 < sizeof unit / sizeof *unit; i++) amount /= 1024;
  snprintf(out, HUMAN_TEXT_SIZE, "%.1f%s", amount, unit[i]);
}

bool human_count_read(const char *text, uint64_t *count) {
  const uint64_t most = (UINT64_C(1) << 53) - 1; /* what canonical JSON can carry */
  uint64_t value = 0;
  if (*text == '\0') return false;
  for (; *text != '\0'; text++) {
    if (*text < '0' || *text > '9') return false;
    value = value * 10 + (uint64_t)(*text - '0');
    if (value > most) return false;
  }
  *count = value;
  return true;
}

bool human_real_read(const char *text, double *real) {
  char *end = NULL;
  if (*text == '\0' || isspace((unsigned char)*text)) return false;
  errno = 0;
  double value = strtod(text, &end);
  if (end == text || *end != '\0' || !isfinite(value)) return false;
  *real = value;
  return true;
}

bool human_duration_read(const char *text, uint64_t *milliseconds) {
  static const struct {
    const char *unit;
    uint64_t milliseconds;
  } unit[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
  const uint64_t most = UINT64_C(3650) * 86400000;
  char digits[16];
  size_t length = strspn(text, "0123456789");
  if (length == 0 || length >= sizeof digits) return false;
  memcpy(digits, text, length);
  digits[length] = '\0';
  uint64_t count;
  if (!human_count_read(digits, &count) || count == 0) return false;
  for (size_t i = 0; i < sizeof unit / sizeof *unit; i++) {
    if (strcmp(text + length, unit[i].unit) != 0) continue;
    if (count > most / unit[i].milliseconds) return false;
    *milliseconds = count * unit[i].milliseconds;
    return true;
  }
  return false;
}

void human_printable(const char *text, size_t length, char *out, size_t size) {
  size_t i = 0;
  for (; i < length && i + 1 < size; i++)
    out[i] = text[i] >= 0x20 && text[i] < 0x7f ? text[i] : '?';
  out[i] = '\0';
}

void human_cut(char *text, size_t size, size_t width, bool utf8) {
  const char *mark = utf8 ? "\u2026" : "..";
  size_t columns = utf8 ? 1 : 2;
  if (strlen(text) <= width || width < columns) return;
  snprintf(text + width - columns, size - (width - columns), "%s", mark);
}

void human_sparkline(const double *values, size_t count, char *out) {
  static const char *const block[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  char *end = out;
  for (size_t i = 0; i < count; i++) {
    double value = values[i] < 0 ? 0 : values[i] > 1 ? 1 : values[i];
    end = stpcpy(end, isnan(values[i]) ? " " : block[(size_t)(value * 7 + 0.5)]);
  }
  *end = '\0';
}

/* Optimal string alignment: insert, delete, replace, swap of neighbours cost one each. */
static size_t edits(const char *a, const char *b) {
  enum { LENGTH_MAX = 31 };
  size_t n = strlen(a), m = strlen(b), row[3][LENGTH_MAX + 1];
  if (n > LENGTH_MAX || m > LENGTH_MAX) return SIZE_MAX;
  for (size_t j = 0; j <= m; j++) row[0][j] = j;
  for (size_t i = 1; i <= n; i++) {
    size_t *now = row[i % 3], *last = row[(i + 2) % 3], *before = row[(i + 1) % 3];
    now[0] = i;
    for (size_t j = 1; j <= m; j++) {
      size_t best = last[j - 1] + (a[i - 1] != b[j - 1]);
      if (last[j] + 1 < best) best = last[j] + 1;
      if (now[j - 1] + 1 < best) best = now[j - 1] + 1;
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
          before[j - 2] + 1 < best)
        best = before[j - 2] + 1;
      now[j] = best;
    }
  }
  return row[n % 3][m];
}

const char *human_closest(const char *word, const char *const *candidates, size_t count) {
  const char *closest = NULL;
  size_t best = SIZE_MAX;
  for (size_t i = 0; i < count; i++) {
    size_t distance = edits(word, candidates[i]);
    if (distance < best) {
      best = distance;
      closest = candidates[i];
    }
  }
  return closest != NULL && best <= (strlen(word) + 2) / 3 ? closest : NULL;
}
