/* picture.h: a data set's pictures: found where people keep them, and named as the output file needs it. */
#ifndef DATA_PICTURE_H
#define DATA_PICTURE_H

#include <jansson.h>
#include <stddef.h>

/* The file that a data set calls `name`, in `folder`: as it is called, or without the first folders of its path, down
 * to the name alone; so too with '/' for '\', with %20 as a space, with its letters composed or decomposed otherwise
 * (NFC, NFD). An absolute name is taken as it is first. NULL: there is none of them. free() */
char *picture_find(const char *folder, const char *name);

/* A picture of COCO, by its number: as `subset` ("train2014", "val2014", "test2015", ...; NULL: not known) of 2014 or
 * 2015 names it (COCO_train2014_000000000025.jpg), or as 2017 does (000000000025.jpg); in the folder, or in one of that
 * subset's name in it. NULL: it is not there; then *first is where it would be looked for first, and else NULL. free()
 * both. */
char *picture_find_coco(const char *folder, const char *subset, size_t number, char **first);

/* The path by which a file in `folder` names `path`; both as they can be opened from here. folder "" is the current
 * one. Links are followed in folders that are there. free() */
char *picture_relative(const char *folder, const char *path);

/* A row of a file in folder `from`, for one in folder `to`: relative paths in members named "image" or "..._image", at
 * any depth, change accordingly. Where the folders are called the same, nothing does. */
void picture_move(json_t *row, const char *from, const char *to);

#endif
