#pragma once
/* The codec alone: connections are the loop's. */
#include <stddef.h>
#include <sys/time.h>
#include <hiredis/hiredis.h>
