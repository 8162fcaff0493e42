// Top k and its tie-breaking: the k best of a stream of (score, column), in a bounded heap. better() is the order; the
// co-occurrence panels have the same one in their keys (count, then the complement of the column), and so have, in
// python/movieembed/operators, cuda/kernels.cu (top_k) and dask/statistics.py.
#pragma once

#include <algorithm>
#include "core/integers.hpp"

namespace movieembed {

template <class A>
struct Scored {
    A score;
    int64_t column;
};

// A total order: the higher score, then the lower column. Results then never depend on k or on the order
// of arrival.
template <class A>
inline bool better(const Scored<A>& a, const Scored<A>& b) {
    return a.score > b.score || (a.score == b.score && a.column < b.column);
}

// A heap of at most k in borrowed memory, its worst at the front.
template <class A>
class TopK {
public:
    TopK(Scored<A>* memory, int64_t k, int64_t size = 0) : heap_(memory), k_(k), size_(size) {}

    bool full() const { return size_ == k_; }
    int64_t size() const { return size_; }
    A worst() const { return heap_[0].score; }

    void offer(A score, int64_t column) {
        const Scored<A> entry{score, column};
        if (size_ < k_) {
            heap_[size_++] = entry;
            std::push_heap(heap_, heap_ + size_, better<A>);
        } else if (k_ > 0 && better(entry, heap_[0])) {
            std::pop_heap(heap_, heap_ + size_, better<A>);
            heap_[size_ - 1] = entry;
            std::push_heap(heap_, heap_ + size_, better<A>);
        }
    }

    void sort() { std::sort_heap(heap_, heap_ + size_, better<A>); }

private:
    Scored<A>* heap_;
    int64_t k_;
    int64_t size_;
};

}  // namespace movieembed
