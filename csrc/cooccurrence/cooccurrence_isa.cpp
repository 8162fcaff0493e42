// Compiled several times with MOVIEEMBED_ISA = baseline, avx2, avx512 and the matching flags.
//
// Nothing here may instantiate a function of external linkage; see gather_isa.cpp.
#include "cooccurrence/cooccurrence_isa.hpp"

#define MOVIEEMBED_CAT2(a, b) a##b
#define MOVIEEMBED_CAT(a, b) MOVIEEMBED_CAT2(a, b)

namespace movieembed {
namespace {

#if defined(__GNUC__)
typedef uint16_t Counts __attribute__((vector_size(64), may_alias));
typedef uint8_t NarrowCounts __attribute__((vector_size(32), may_alias));
#else
template <class Count>
struct CountsOf {
    Count at[kPanelRows];
    CountsOf& operator+=(const CountsOf& other) {
        for (int r = 0; r < kPanelRows; ++r) at[r] = static_cast<Count>(at[r] + other.at[r]);
        return *this;
    }
};
using Counts = CountsOf<uint16_t>;
using NarrowCounts = CountsOf<uint8_t>;
#endif

// The bits of a mask as ones and zeros. Half a mask at a time against 16 bits in 16 lanes, which compilers turn into
// two or three vector instructions a half, unless they unroll the loops first.
inline void expand(uint32_t mask, PanelLine& ones, NarrowLine& narrow_ones) {
    constexpr uint16_t kBit[16] = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768};
    const auto low = static_cast<uint16_t>(mask), high = static_cast<uint16_t>(mask >> 16);
#pragma GCC unroll 1
    for (int r = 0; r < 16; ++r) ones.at[r] = (low & kBit[r]) != 0;
#pragma GCC unroll 1
    for (int r = 0; r < 16; ++r) ones.at[16 + r] = (high & kBit[r]) != 0;
#pragma GCC unroll 1
    for (int r = 0; r < kPanelRows; ++r) narrow_ones.at[r] = static_cast<uint8_t>(ones.at[r]);
}

void count(PanelLine* lines, NarrowLine* narrow_lines, const PanelVisit* visits, int64_t n, const PanelUser* users,
           const uint32_t* labels) {
    // User by user, and for each their items in ascending order: first those with 16-bit lines, then those with bytes.
    // The ones and zeros stay in registers while a user's lines are walked.
    for (int64_t v = 0; v < n; ++v) {
#if defined(__GNUC__)
        // The processor does not foresee where the next user's items are, and mostly no cache has them.
        constexpr int64_t kAhead = 4, kFarAhead = 16;
        if (v + kFarAhead < n) __builtin_prefetch(users + visits[v + kFarAhead].user);
        if (v + kAhead < n) {
            const PanelUser& next = users[visits[v + kAhead].user];
            for (uint32_t m = visits[v + kAhead].from; m < next.items; m += 16)
                __builtin_prefetch(labels + next.begin + m);
        }
#endif
        PanelLine expanded;
        NarrowLine narrow_expanded;
        expand(visits[v].mask, expanded, narrow_expanded);
        const Counts ones = reinterpret_cast<const Counts&>(expanded);
        const NarrowCounts narrow_ones = reinterpret_cast<const NarrowCounts&>(narrow_expanded);
        const PanelUser& user = users[visits[v].user];
        const uint32_t* label = labels + user.begin + visits[v].from;
        const uint32_t* narrow = labels + user.begin + user.full;
        const uint32_t* end = labels + user.begin + user.items;
        for (; label < narrow; ++label) reinterpret_cast<Counts&>(lines[*label]) += ones;
        for (; label < end; ++label) reinterpret_cast<NarrowCounts&>(narrow_lines[*label]) += narrow_ones;
    }
}

// All bits of a line, to see whether any is set, or any of the high bytes.
template <class Line>
inline uint64_t united(const Line& line) {
#if defined(__GNUC__)
    typedef uint64_t Words __attribute__((vector_size(32), may_alias));
    const Words* words = reinterpret_cast<const Words*>(&line);
    const Words all = sizeof line == sizeof(Words) ? words[0] : words[0] | words[1];
    return (all[0] | all[1]) | (all[2] | all[3]);
#else
    uint64_t all = 0;
    for (int r = 0; r < kPanelRows; ++r) all |= line.at[r];
    return all;
#endif
}

// The counts of line j that may be among the best of their row or of the column: those above the bar there, and those
// at the bar with a lower column than its own.
inline PanelHit hit_of(int64_t j, const PanelLine& line, const PanelRows& rows, const PanelColumns& columns) {
    const uint16_t bar = columns.bar[j];
    PanelHit hit{static_cast<uint32_t>(j), 0, 0};
    // Mostly none: one comparison with the lower bar of the two says so.
    PanelLine reached;
    for (int r = 0; r < kPanelRows; ++r) reached.at[r] = line.at[r] >= (rows.bar[r] < bar ? rows.bar[r] : bar);
    if (united(reached) == 0) return hit;
    const uint32_t own_low = columns.own_low[j], low = columns.low[j];
    for (int r = 0; r < kPanelRows; ++r) {
        const uint16_t x = line.at[r];
        const bool in_row = (x > rows.bar[r]) | ((x == rows.bar[r]) & (own_low > rows.low[r]));
        const bool in_column = (x > bar) | ((x == bar) & (rows.own_low[r] > low));
        hit.rows |= static_cast<uint32_t>(in_row) << r;
        hit.column |= static_cast<uint32_t>(in_column) << r;
    }
    return hit;
}

inline const PanelLine& full(const PanelLine& line) { return line; }

inline PanelLine full(const NarrowLine& line) {
    PanelLine out;
    for (int r = 0; r < kPanelRows; ++r) out.at[r] = line.at[r];
    return out;
}

template <class Line>
inline int64_t scan_lines(Line* lines, int64_t first, const uint32_t* which, int64_t n, PanelRows& rows,
                          const PanelColumns& columns, PanelHit* hits) {
    // Line by line: one look tells whether all counts are 0 (skipped) or below 256, as nearly all are; squares of those
    // fit 16 bits, eight or more to an instruction. A line is cleared while it is in cache.
    int64_t found = 0;
    uint32_t small_squares[kPanelRows] = {};  // of at most 65,536 counts below 256
    for (int64_t m = 0; m < n; ++m) {
        const int64_t j = which ? which[m] : first + m;
        const uint64_t all = united(lines[j]);
        if (all == 0) continue;
        const PanelLine& line = full(lines[j]);
        if (sizeof(Line) == sizeof(NarrowLine) || (all & 0xff00ff00ff00ff00) == 0) {
            uint32_t sum = 0;
            for (int r = 0; r < kPanelRows; ++r) {
                const uint32_t square = static_cast<uint16_t>(line.at[r] * line.at[r]);
                small_squares[r] += square;
                sum += square;
            }
            columns.sum_squares[j] += sum;
        } else {
            uint64_t sum = 0;
            for (int r = 0; r < kPanelRows; ++r) {
                const uint32_t x = line.at[r];
                rows.sum_squares[r] += x * x;
                sum += x * x;
            }
            columns.sum_squares[j] += sum;
        }
        if (columns.bar) {
            const PanelHit hit = hit_of(j, line, rows, columns);
            if (hit.rows | hit.column) {
                hits[found++] = hit;
                continue;
            }
        }
        lines[j] = Line{};
    }
    for (int r = 0; r < kPanelRows; ++r) rows.sum_squares[r] += small_squares[r];
    return found;
}

int64_t scan(PanelLine* lines, int64_t first, const uint32_t* which, int64_t n, PanelRows& rows,
             const PanelColumns& columns, PanelHit* hits) {
    return scan_lines(lines, first, which, n, rows, columns, hits);
}

int64_t scan_narrow(NarrowLine* lines, int64_t first, const uint32_t* which, int64_t n, PanelRows& rows,
                    const PanelColumns& columns, PanelHit* hits) {
    return scan_lines(lines, first, which, n, rows, columns, hits);
}

}  // namespace

extern const PanelTable MOVIEEMBED_CAT(panel_table_, MOVIEEMBED_ISA);
const PanelTable MOVIEEMBED_CAT(panel_table_, MOVIEEMBED_ISA) = {&count, &scan, &scan_narrow};

}  // namespace movieembed
