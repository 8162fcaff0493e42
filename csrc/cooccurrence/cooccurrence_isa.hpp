// The two hot loops of CooccurrencePanels, compiled once for each instruction set.
#pragma once

#include "core/integers.hpp"

namespace movieembed {

constexpr int64_t kPanelRows = 32;                // 16-bit counts of a line fill 64 bytes, a cache line
constexpr int64_t kMost8 = 255, kMost16 = 65535;  // what a count in 8 and in 16 bits can be

// The counts of one column in the rows of a panel.
struct alignas(64) PanelLine {
    uint16_t at[kPanelRows];
};

// The same where the column has so few likes that bytes hold its counts.
struct alignas(32) NarrowLine {
    uint8_t at[kPanelRows];
};

// Where a user's items are in the labels of all. The first `full` of them have a PanelLine, the others a NarrowLine.
struct PanelUser {
    int64_t begin;
    uint32_t full, items;
};

// A user with some of a panel's items: which, and where among the user's items the first of them is.
struct PanelVisit {
    uint32_t user, from, mask;
};

// An entry of X is ordered by its count, then by `low`, the complement of its column. What is no better than the
// worst of a full list of the best is out: (bar, low) is (1, 0) while the list is not full.
struct PanelRows {
    alignas(64) uint16_t bar[kPanelRows];  // 1 to 65535, which stands for more too
    alignas(64) uint32_t low[kPanelRows];
    alignas(64) uint32_t own_low[kPanelRows];  // of entries in the panel's own columns
    alignas(64) uint64_t sum_squares[kPanelRows];
};

struct PanelColumns {
    const uint16_t* bar;  // null when no best are wanted
    const uint32_t* low;
    const uint32_t* own_low;
    int64_t* sum_squares;
};

// Which counts of a line may be among the best of their row, and which of the column.
struct PanelHit {
    uint32_t line, rows, column;
};

struct PanelTable {
    // Adds each visit's mask, as ones and zeros, to the lines of its labels.
    void (*count)(PanelLine* lines, NarrowLine* narrow_lines, const PanelVisit* visits, int64_t n,
                  const PanelUser* users, const uint32_t* labels);

    // Adds the squares of n lines, those of `which` or, if that is null, from `first` on, to the rows and columns,
    // and clears the lines but for those that it writes to `hits`. Returns how many these are.
    int64_t (*scan)(PanelLine* lines, int64_t first, const uint32_t* which, int64_t n, PanelRows& rows,
                    const PanelColumns& columns, PanelHit* hits);
    int64_t (*scan_narrow)(NarrowLine* lines, int64_t first, const uint32_t* which, int64_t n, PanelRows& rows,
                           const PanelColumns& columns, PanelHit* hits);
};

extern const PanelTable panel_table_baseline;
extern const PanelTable panel_table_avx2;
extern const PanelTable panel_table_avx512;

}  // namespace movieembed
