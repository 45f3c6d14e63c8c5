#pragma once
/* Strict before every inclusion: without it a space in a header name passes. */
#define LLHTTP_STRICT_MODE 1
#if __has_include(<llhttp.h>)
#include <llhttp.h>
#else
/* Debian 12 ships llhttp as C sources (package node-llhttp). */
#include "/usr/share/include/llhttp/llhttp.h"
#endif
