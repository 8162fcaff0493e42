// What is known of all rows of X = L'L - diag(c) for likes of 1, from one pass over its upper triangle.
//
// Items are numbered anew by falling popularity, and taken in panels of 32 rows of X. A user with some of a panel's
// items adds a vector of 32 zeros and ones, which of them, to the counts of each of their items from the panel on:
// one vector operation for as many multiply-adds as the user has items there. The popular panels, which hold most of
// the work, do 5 to 10 at once. A line of 32 finished counts then serves both its column's row and the panel's rows.
//
// The lines of a panel should fit a core's own cache. Those of items with at most 255 likes, which are most, are of
// bytes: half the memory to hold, add to and walk.
//
// Cost: at most half the sum over users of likes^2 multiply-adds. Memory: about 16 bytes a like, 32 to 64 bytes an item
// and thread, and for the top k 16 k bytes an item. Counts are exact, so nothing depends on the order of the work.
#pragma once

#include "core/integers.hpp"
#include <memory>
#include <mutex>
#include <vector>

#include "core/aligned.hpp"
#include "cooccurrence/cooccurrence_isa.hpp"
#include "core/csr.hpp"

namespace movieembed {

// Columns that share a lock, and that a panel is drained by.
constexpr int64_t kPanelStripe = 256;

class CooccurrencePanels {
public:
    // The values of L are taken for ones. The number of users must fit 32 bits, as must that of items. k = 0 leaves
    // out the top k.
    template <class T, class I>
    CooccurrencePanels(const CsrView<T, I>& l, int64_t k, int n_threads);
    ~CooccurrencePanels();

    // Vector operations of each panel, of lines added to and lines walked.
    const std::vector<int64_t>& work() const { return work_; }

    // Panels [first, last), each to be added once, in any order.
    void add(int64_t first, int64_t last, int n_threads);

    // Once all panels are added: sum of squares and sum of each of the l.cols rows.
    void sums(double* sum_squares, double* totals) const;

    // And the k largest entries of each, descending, ties by ascending column; columns is padded with -1 and values
    // with 0 where a row has fewer. Both are l.cols x k.
    void top_k(int64_t* columns, double* values, int n_threads);

private:
    // The best entries of a row so far, as keys that order them, in no order.
    struct Best {
        uint64_t* keys = nullptr;
        int64_t size = 0;
        uint64_t worst = 0;  // keys up to this one are out
    };

    struct Worker;

    template <class T, class I>
    void relabel(const CsrView<T, I>& l, int threads);
    void collect_visits(int threads);
    void count(int64_t panel, Worker& worker) const;
    void drain(int64_t panel, Worker& worker, int64_t start);
    void drain_stripe(int64_t panel, Worker& worker, int64_t from, const uint32_t* which, int64_t n);
    void drain_slowly(int64_t panel, Worker& worker, int64_t j);
    void offer(Best& best, uint64_t key) const;
    void offer_to_row(Worker& worker, int64_t r, uint32_t x, int64_t j) const;
    void offer_to_column(uint64_t key, int64_t j);

    int64_t cols_, items_ = 0, k_, capacity_ = 0;
    int64_t wide_ = 0;                  // labels below it have counts that may outgrow 16 bits
    int64_t narrow_ = 0;                // labels from it on have narrow lines; a whole number of stripes, or items_
    std::vector<uint32_t> column_of_;   // by label
    std::vector<int64_t> totals_;       // by label
    std::vector<int64_t> sum_squares_;  // by label
    std::vector<PanelUser> users_;
    Aligned<uint32_t> labels_;           // of each user's items, ascending
    std::vector<int64_t> visits_begin_;  // of each panel in visits_
    Aligned<PanelVisit> visits_;
    std::vector<int64_t> work_;
    std::vector<bool> listed_;  // panels that use few lines: a list of them costs less than walking them all
    std::vector<std::unique_ptr<Worker>> workers_;
    std::unique_ptr<uint64_t[]> keys_;  // as the two before, not initialised: whoever uses it touches it first
    std::vector<Best> best_;
    std::vector<uint16_t> bar_;  // of best_, as PanelRows has it
    std::vector<uint32_t> low_, own_low_;
    std::vector<std::mutex> locks_;  // each over kPanelStripe labels of sum_squares_, best_, bar_ and low_
};

}  // namespace movieembed
