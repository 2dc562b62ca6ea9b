/* A glyph is a few strokes; a stroke is a smooth curve through points in the unit square, x to the
 * right and y down. Each image bends, turns and shifts its glyph as one, so strokes that touch stay
 * together, then inks the pixels. Only correctly rounded operations are used (no sine: rotations go
 * by the tangent of the half angle), for equal bytes. */
#include "lab/digits.h"
#include "lab/random.h"

#include <math.h>
#include <stddef.h>

enum { STROKES_MAX = 3, POINTS_MAX = 14, GLYPHS = 16, PIECES = 5 };

struct point {
  double x, y;
};

struct stroke {
  int count;
  struct point points[POINTS_MAX];
};

struct glyph {
  uint8_t digit;
  struct stroke strokes[STROKES_MAX];
};

/* Several ways of writing where people differ. A line is a stroke: its points, counted first. */
// clang-format off
static const struct glyph glyphs[GLYPHS] = {
    {0, {{9, {{.5, 0}, {.22, .14}, {.12, .5}, {.22, .86}, {.5, 1}, {.78, .86}, {.88, .5},
            {.78, .14}, {.48, .01}}}}},
    {1, {{2, {{.5, 0}, {.5, 1}}}}},
    {1, {{2, {{.28, .24}, {.52, 0}}},
         {2, {{.52, 0}, {.5, 1}}}}},
    {2, {{7, {{.16, .24}, {.28, .06}, {.52, 0}, {.76, .1}, {.78, .34}, {.52, .68}, {.14, 1}}},
         {2, {{.14, 1}, {.9, .98}}}}},
    {2, {{10, {{.16, .2}, {.36, .02}, {.66, .04}, {.76, .3}, {.5, .74}, {.24, .96}, {.14, .84},
            {.3, .78}, {.6, .96}, {.9, .94}}}}},
    {3, {{5, {{.18, .12}, {.46, 0}, {.74, .12}, {.7, .36}, {.4, .47}}},
         {5, {{.4, .47}, {.76, .56}, {.82, .8}, {.52, 1}, {.16, .88}}}}},
    {4, {{2, {{.3, 0}, {.14, .56}}},
         {2, {{.14, .56}, {.9, .54}}},
         {2, {{.72, .06}, {.66, 1}}}}},
    {4, {{2, {{.66, 0}, {.1, .66}}},
         {2, {{.1, .66}, {.92, .64}}},
         {2, {{.66, 0}, {.66, 1}}}}},
    {5, {{2, {{.82, 0}, {.28, .02}}},
         {2, {{.28, .02}, {.22, .46}}},
         {6, {{.22, .46}, {.52, .38}, {.82, .54}, {.8, .84}, {.5, 1}, {.14, .9}}}}},
    {6, {{10, {{.68, 0}, {.38, .2}, {.2, .56}, {.22, .88}, {.5, 1}, {.78, .88}, {.8, .64},
            {.56, .52}, {.3, .62}, {.21, .8}}}}},
    {6, {{9, {{.5, 0}, {.28, .3}, {.18, .68}, {.34, .98}, {.66, .98}, {.82, .76}, {.66, .56},
            {.36, .6}, {.2, .78}}}}},
    {7, {{2, {{.12, .03}, {.86, .02}}},
         {4, {{.86, .02}, {.66, .36}, {.5, .7}, {.42, 1}}}}},
    {7, {{2, {{.12, .03}, {.86, .02}}},
         {4, {{.86, .02}, {.66, .36}, {.5, .7}, {.42, 1}}},
         {2, {{.32, .52}, {.8, .5}}}}},
    {8, {{13, {{.5, .48}, {.24, .3}, {.28, .07}, {.52, 0}, {.74, .08}, {.76, .3}, {.5, .48},
            {.22, .68}, {.24, .92}, {.5, 1}, {.78, .92}, {.8, .68}, {.5, .48}}}}},
    {9, {{8, {{.78, .2}, {.56, 0}, {.28, .08}, {.2, .32}, {.36, .5}, {.6, .46}, {.77, .28},
            {.78, .2}}},
         {2, {{.78, .2}, {.72, 1}}}}},
    {9, {{8, {{.78, .2}, {.56, 0}, {.28, .08}, {.2, .32}, {.36, .5}, {.6, .46}, {.77, .28},
            {.78, .2}}},
         {4, {{.78, .2}, {.78, .6}, {.6, .92}, {.26, .98}}}}},
};
// clang-format on

/* One writer's hand: bend the unit square a little, then turn, slant, size and place it. */
struct hand {
  double bend[6];
  double matrix[4];
  double centre_x, centre_y;
  double radius;   /* of the pen, in pixels */
  double pressure; /* grey at the middle of a stroke, up to 255 */
  double noise;    /* deviation, in grey levels */
};

static struct hand draw_hand(struct random *random) {
  struct hand hand;
  for (int i = 0; i < 6; i++) hand.bend[i] = 0.16 * random_normal(random);
  double t = 0.075 * random_normal(random); /* tan(angle / 2): a deviation of 8.6 degrees */
  double cosine = (1 - t * t) / (1 + t * t), sine = 2 * t / (1 + t * t);
  double slant = 0.22 * random_normal(random) - 0.08;
  double height = random_between(random, 15, 21),
         width = height * random_between(random, 0.55, 1.0);
  hand.matrix[0] = cosine * width;
  hand.matrix[1] = (cosine * slant - sine) * height;
  hand.matrix[2] = sine * width;
  hand.matrix[3] = (sine * slant + cosine) * height;
  hand.centre_x = 13.5 + 1.1 * random_normal(random);
  hand.centre_y = 13.5 + 1.1 * random_normal(random);
  hand.radius = random_between(random, 0.7, 1.9);
  hand.pressure = random_between(random, 170, 255);
  hand.noise = random_between(random, 0, 14);
  return hand;
}

static struct point place(const struct hand *hand, double unit_x, double unit_y) {
  const double *b = hand->bend, *m = hand->matrix;
  double x = unit_x - 0.5, y = unit_y - 0.5;
  double bent_x = x + b[0] * y * y + b[1] * x * y + b[2] * x * x;
  double bent_y = y + b[3] * x * x + b[4] * x * y + b[5] * y * y;
  return (struct point){hand->centre_x + m[0] * bent_x + m[1] * bent_y,
                        hand->centre_y + m[2] * bent_x + m[3] * bent_y};
}

static int clamp_pixel(double x) {
  return x < 0 ? 0 : x > DIGITS_SIDE - 1 ? DIGITS_SIDE - 1 : (int)x;
}

/* Lowers, around one segment, the squared distance of each pixel to the nearest ink. */
static void lay_segment(float *nearest, struct point from, struct point to, double reach) {
  double dx = to.x - from.x, dy = to.y - from.y, length = dx * dx + dy * dy;
  int left = clamp_pixel(fmin(from.x, to.x) - reach),
      right = clamp_pixel(fmax(from.x, to.x) + reach + 1);
  int top = clamp_pixel(fmin(from.y, to.y) - reach),
      bottom = clamp_pixel(fmax(from.y, to.y) + reach + 1);
  for (int y = top; y <= bottom; y++)
    for (int x = left; x <= right; x++) {
      double px = x - from.x, py = y - from.y;
      double along = length > 0 ? (px * dx + py * dy) / length : 0;
      along = along < 0 ? 0 : along > 1 ? 1 : along;
      double ex = px - along * dx, ey = py - along * dy;
      float distance = (float)(ex * ex + ey * ey);
      if (distance < nearest[y * DIGITS_SIDE + x]) nearest[y * DIGITS_SIDE + x] = distance;
    }
}

/* Catmull-Rom: a cubic through b and c that aims along a-c at b and along b-d at c. */
static double between(double a, double b, double c, double d, double t) {
  return b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)));
}

static void lay_stroke(float *nearest, const struct stroke *stroke, const struct hand *hand) {
  const struct point *points = stroke->points;
  int last = stroke->count - 1;
  struct point from = place(hand, points[0].x, points[0].y);
  for (int i = 0; i < last; i++) {
    struct point a = points[i > 0 ? i - 1 : 0], b = points[i], c = points[i + 1],
                 d = points[i + 2 <= last ? i + 2 : last];
    for (int k = 1; k <= PIECES; k++) {
      double t = (double)k / PIECES;
      struct point to = place(hand, between(a.x, b.x, c.x, d.x, t), between(a.y, b.y, c.y, d.y, t));
      lay_segment(nearest, from, to, hand->radius + 1);
      from = to;
    }
  }
}

/* A cheap bell: the sum of four bytes of one draw, centred, with deviation 1. */
static double speck(struct random *random) {
  uint64_t bits = random_bits(random);
  double sum = (double)(bits & 255) + (double)(bits >> 8 & 255) + (double)(bits >> 16 & 255) +
               (double)(bits >> 24 & 255);
  return (sum - 510) / 147.8;
}

/* Full ink inside the pen's radius, none a pixel further out, and grey between: an edge without
 * steps. */
static void ink(uint8_t *pixels, const float *nearest, const struct hand *hand,
                struct random *random) {
  for (int i = 0; i < DIGITS_SIDE * DIGITS_SIDE; i++) {
    double cover = hand->radius + 0.5 - sqrt(nearest[i]);
    cover = cover < 0 ? 0 : cover > 1 ? 1 : cover;
    double grey = cover * hand->pressure + hand->noise * speck(random);
    pixels[i] = grey < 0 ? 0 : grey > 255 ? 255 : (uint8_t)(grey + 0.5);
  }
}

static const struct glyph *pick_glyph(uint8_t digit, struct random *random) {
  const struct glyph *fitting[GLYPHS];
  size_t count = 0;
  for (size_t i = 0; i < GLYPHS; i++)
    if (glyphs[i].digit == digit) fitting[count++] = &glyphs[i];
  return fitting[random_below(random, count)];
}

static uint8_t draw_image(uint8_t *pixels, struct random *random) {
  float nearest[DIGITS_SIDE * DIGITS_SIDE];
  for (int i = 0; i < DIGITS_SIDE * DIGITS_SIDE; i++) nearest[i] = 2.0f * DIGITS_SIDE * DIGITS_SIDE;
  uint8_t digit = (uint8_t)random_below(random, DATASET_CLASSES);
  const struct glyph *glyph = pick_glyph(digit, random);
  struct hand hand = draw_hand(random);
  for (int i = 0; i < STROKES_MAX; i++)
    if (glyph->strokes[i].count > 0) lay_stroke(nearest, &glyph->strokes[i], &hand);
  ink(pixels, nearest, &hand, random);
  return digit;
}

bool digits_draw(struct dataset *out, size_t count, uint64_t seed) {
  if (!dataset_new(out, count, DIGITS_SIDE, DIGITS_SIDE)) return false;
  for (size_t i = 0; i < count; i++) {
    struct random random;
    random_seed(&random, random_mix(seed, i));
    out->labels[i] = draw_image(out->pixels + i * DIGITS_SIDE * DIGITS_SIDE, &random);
  }
  return true;
}
