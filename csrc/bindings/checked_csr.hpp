// The sparse matrix that Python hands to the kernels: borrowed arrays, checked once, seen with their types.
#pragma once

#include <cmath>
#include <utility>

#include "bindings/arrays.hpp"
#include "core/csr.hpp"

namespace movieembed {

// A compressed sparse row matrix over NumPy arrays, which it keeps alive. All that a kernel relies on is checked
// when it is made, so that the products of an iteration need not look again. A copy shares the arrays.
class Csr {
public:
    // Without values the type of these is float32, for want of another.
    using View = std::variant<CsrView<float, int32_t>, CsrView<float, int64_t>, CsrView<double, int32_t>,
                              CsrView<double, int64_t>>;

    Csr(int64_t rows, int64_t cols, py::array indptr, py::array indices, const py::object& values)
        : rows_(rows), cols_(cols), indptr_(std::move(indptr)), indices_(std::move(indices)) {
        if (rows < 0 || cols < 0) value_error("rows and cols must not be negative");
        if (rows == std::numeric_limits<int64_t>::max()) value_error("rows is too large");
        int64_indices_ = is<int64_t>(indptr_);
        if (!int64_indices_ && !is<int32_t>(indptr_)) wrong_dtype("indptr", "int32 or int64", indptr_);
        if (!int64_indices_ && cols > kMost32) value_error("cols does not fit the int32 of indices");
        if (!int64_indices_ && rows > kMost32) value_error("rows does not fit the int32 of indptr");
        if (!values.is_none()) {
            values_ = py::array::ensure(values);
            float64_values_ = values_ && is<double>(values_);
            if (!values_ || !(float64_values_ || is<float>(values_)))
                type_error("values must be a float32 or float64 array or None");
            has_values_ = true;
        }
        if (float64_values_)
            make_view<double>();
        else
            make_view<float>();
    }

    int64_t rows() const { return rows_; }
    int64_t cols() const { return cols_; }
    int64_t nnz() const { return indices_.size(); }
    bool int64_indices() const { return int64_indices_; }
    bool has_values() const { return has_values_; }
    bool float64_values() const { return float64_values_; }
    const View& view() const { return view_; }

    // Whether both borrow the same index arrays.
    bool same_structure(const Csr& other) const {
        return rows_ == other.rows_ && cols_ == other.cols_ && int64_indices_ == other.int64_indices_ &&
               indptr_.data() == other.indptr_.data() && indices_.data() == other.indices_.data();
    }

private:
    template <class T>
    void make_view() {
        const T* values = has_values_ ? checked<T>(values_, "values", {nnz()}) : nullptr;
        for (int64_t k = 0; values && k < nnz(); ++k)
            if (!std::isfinite(values[k])) value_error("values holds NaN or infinity at position ", k);
        if (int64_indices_)
            view_ = with_structure<int64_t>(values);
        else
            view_ = with_structure<int32_t>(values);
    }

    template <class I, class T>
    CsrView<T, I> with_structure(const T* values) const {
        const I* ptr = checked<I>(indptr_, "indptr", {rows_ + 1});
        const I* idx = checked<I>(indices_, "indices", {-1});
        if (ptr[0] != 0) value_error("indptr must start with 0");
        for (int64_t r = 0; r < rows_; ++r)
            if (ptr[r + 1] < ptr[r]) value_error("indptr falls at row ", r);
        if (ptr[rows_] != nnz()) value_error("indptr ends with ", ptr[rows_], " but indices has ", nnz(), " entries");
        for (int64_t r = 0; r < rows_; ++r)
            for (int64_t k = ptr[r]; k < ptr[r + 1]; ++k) {
                if (idx[k] < 0 || idx[k] >= cols_)
                    value_error("indices holds ", idx[k], " in row ", r, ", outside [0, ", cols_, ")");
                if (k > ptr[r] && idx[k - 1] >= idx[k])
                    value_error("indices of row ", r, " are not strictly ascending; call sum_duplicates() first");
            }
        return {rows_, cols_, ptr, idx, values};
    }

    int64_t rows_, cols_;
    py::array indptr_, indices_, values_;
    bool int64_indices_ = false, has_values_ = false, float64_values_ = false;
    View view_;
};

// Counts are kept in 32 bits.
inline void check_users(const Csr& l) {
    if (l.rows() > kMost32) value_error("l has more users than 32 bits count");
}

inline void check_pair(const Csr& l, const Csr& lt) {
    if (l.rows() != lt.cols() || l.cols() != lt.rows() || l.nnz() != lt.nnz())
        value_error("lt is not the transpose of l: their shapes or entry counts differ");
    if (l.int64_indices() != lt.int64_indices()) type_error("l and lt must have the same index dtype");
    if (l.has_values() != lt.has_values() || l.float64_values() != lt.float64_values())
        type_error("l and lt must have the same values dtype");
    check_users(l);
}

// Calls f without the GIL with the views of L and its transpose, which check_pair has seen.
template <class F>
void with_views(const Csr& l, const Csr& lt, F f) {
    without_gil([&] { std::visit([&]<class View>(const View& v) { f(v, std::get<View>(lt.view())); }, l.view()); });
}

}  // namespace movieembed
