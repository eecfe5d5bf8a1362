/* From characters to operators, keywords and words: for parse.c. Blanks and comments before each are skipped. */
#ifndef LEX_H
#define LEX_H

#include "sh.h"

void lex_start(const char *text);

bool lex_take(const char *operator);
bool lex_take_keyword(const char *keyword);
/* "<" ">" ">>" ">&" or NULL; *fd: the number in front, or -1. */
const char *lex_take_redirect(int *fd);
/* A word as written, quotes and all; NULL: an operator or the end is next. */
char *lex_take_word(void);

void lex_skip_lines(void);
bool lex_at_line_end(void); /* or at the end of the text */
bool lex_at_closer(void);   /* what ends a list: ) or fi or the like, or the end of the text */

/* Only the first error counts. After it nothing is taken any more. */
void lex_fail(const char *why);
void lex_fail_here(void); /* what is next is the error */
bool lex_failed(void);
void lex_result(struct parsed *p);

#endif
