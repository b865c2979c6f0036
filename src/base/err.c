#include "base/err.h"

const char *err_name(int err)
{
    switch (err) {
    case 0: return "ok";
    case E_NOT_FOUND: return "not found";
    case E_EXISTS: return "exists already";
    case E_INVALID: return "malformed";
    case E_LIMIT: return "over a limit";
    case E_IO: return "input/output error";
    case E_NO_SPACE: return "no space left";
    case E_BUSY: return "busy";
    case E_CLOSED: return "closed";
    case E_CORRUPT: return "corrupt record";
    case E_DENIED: return "denied";
    case E_UNSUPPORTED: return "not supported";
    case E_VERSION: return "written by a newer version";
    case E_AWS: return "answered with an AWS error";
    case E_PARKED: return "parked";
    default: return "unknown error";
    }
}
