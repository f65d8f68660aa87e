/* SPDX-License-Identifier: MIT */
/* The edit distance of Levenshtein, one row of the table at a time. */
#include "weir/word.h"

#include <stdint.h>
#include <string.h>

static char word_small(char letter)
{
    return letter >= 'A' && letter <= 'Z' ? (char)(letter + 'a' - 'A') : letter;
}

unsigned wi_word_distance(const char *asked, size_t length, const char *word)
{
    size_t other = strlen(word);
    if (length == 0 || length > WI_WORD_MAX || other > WI_WORD_MAX) {
        return WI_WORD_MAX;
    }
    size_t shorter = length < other ? length : other;
    if (shorter >= 3 && length != other && memcmp(asked, word, shorter) == 0) {
        return 1;
    }
    uint8_t row[WI_WORD_MAX + 1];
    for (size_t j = 0; j <= other; j++) {
        row[j] = (uint8_t)j;
    }
    for (size_t i = 1; i <= length; i++) {
        uint8_t diagonal = row[0];
        row[0] = (uint8_t)i;
        for (size_t j = 1; j <= other; j++) {
            bool differs = word_small(asked[i - 1]) != word_small(word[j - 1]);
            uint8_t change = (uint8_t)(diagonal + differs);
            uint8_t insert = (uint8_t)(row[j - 1] + 1);
            uint8_t remove = (uint8_t)(row[j] + 1);
            diagonal = row[j];
            row[j] = change < insert ? change : insert;
            row[j] = row[j] < remove ? row[j] : remove;
        }
    }
    return row[other];
}

bool wi_word_is_near(size_t length, unsigned distance)
{
    return distance <= 1 || distance * 2 <= length;
}
