#include "auth/mfa.h"
#include "base/test.h"

static const struct str seed = { "12345678901234567890", 20 };

/* RFC 6238, appendix B: the last six of its eight digits. */
TEST(codes_are_those_of_the_rfc)
{
    static const struct {
        int64_t time_s;
        const char *code;
    } vectors[] = { { 59, "287082" }, { 1111111109, "081804" }, { 1111111111, "050471" }, { 1234567890, "005924" }, { 2000000000, "279037" },
                    { 20000000000, "353130" } };
    struct arena *a = arena_new();
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++)
        assert_str(mfa_code_at(a, seed, vectors[i].time_s * 1000 / MFA_STEP_MS), vectors[i].code);
    arena_free(a);
}

TEST(a_code_counts_once_and_a_device_that_is_off_is_brought_into_step)
{
    struct op op = { .arena = arena_new(), .now_ms = 1000000LL * MFA_STEP_MS };
    struct iam_rec_Mfa device = { 0 };
    struct str late[3];
    for (int i = 0; i < 3; i++)
        late[i] = mfa_code_at(op.arena, seed, 1000000 - 40 + i);
    assert_int_equal(mfa_check(&op, &device, seed, late[0]), E_DENIED);
    assert_int_equal(mfa_check_pair(&op, &device, seed, late[1], late[0]), E_DENIED);
    assert_int_equal(mfa_check_pair(&op, &device, seed, late[0], late[1]), 0);
    assert_int_equal(device.DriftSteps.v, -39);
    assert_int_equal(mfa_check(&op, &device, seed, late[1]), E_DENIED);
    assert_int_equal(mfa_check(&op, &device, seed, late[2]), 0);
    assert_int_equal(mfa_check(&op, &device, seed, late[2]), E_DENIED);
    assert_int_equal(mfa_check_pair(&op, &device, seed, mfa_code_at(op.arena, seed, 999000), mfa_code_at(op.arena, seed, 999001)), E_DENIED);
    arena_free(op.arena);
}
