/* open_clip: the tensor names of open_clip's checkpoints in Hugging Face's, which slots go by, and its configuration's. [level 1]
 *
 * Queries, keys and values lie in one tensor there, one third after the other, and both projections the other way
 * round. This is the only place that knows those names. */
#ifndef KIN_OPEN_CLIP_H
#define KIN_OPEN_CLIP_H
#include "json.h"

enum { OPEN_CLIP_NAME_MAX = 87 };

struct open_clip_name {
    char name[OPEN_CLIP_NAME_MAX + 1];
    int shares;      /* 3: this is the first, second or third of the rows; else 1 */
    bool transposed; /* rows there are columns here */
};

/* The name of share 0, 1 or 2 of a tensor; false: it is none of a transformer of open_clip's. */
bool open_clip_name(const char *name, size_t n, int share, struct open_clip_name *out);
/* The name of the file that a configuration of theirs, or else of Hugging Face's, stands in. */
const char *open_clip_file(json config);
/* Whether a tensor belongs to the tower for pictures, or else to that for texts; neither for logit_scale. */
bool open_clip_of_images(const char *name, size_t n);
bool open_clip_of_texts(const char *name, size_t n);
#endif
