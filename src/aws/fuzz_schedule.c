/* rate(), cron() and at(). Lines: the zone, the expression; then eight bytes of time. The next time is later than what it was asked after, the times
 * follow one another, and nothing lies between a moment before one and it. */
#include "aws/schedule.h"
#include "base/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct fuzz f;
    struct schedule s;
    struct zone *z;
    uint64_t bits = 0;
    fuzz_init(&f, data, n);
    struct str zone = fuzz_line(&f), text = fuzz_line(&f);
    for (int i = 0; i < 6; i++)
        bits = bits << 8 | fuzz_byte(&f);
    int64_t after = (int64_t)(bits % 8000000000000); /* up to the year 2223 */
    if (schedule_parse(text, true, &s) == 0 && zone_load(f.arena, zone, &z) == 0)
        for (int i = 0; i < 3; i++) {
            int64_t next = schedule_next(&s, z, 1700000000000, after);
            if (next < 0)
                break;
            assert(next > after);
            assert(schedule_next(&s, z, 1700000000000, next - 1) == next);
            assert(schedule_next(&s, z, 1700000000000, after + (next - after) / 2) == next);
            after = next;
        }
    fuzz_release(&f);
    return 0;
}
