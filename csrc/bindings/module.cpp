// The border between Python and the kernels: the only file that knows both.
//
// Each function checks its arrays, drops the GIL, calls one kernel and wraps the result. Nothing is
// converted silently: a wrong dtype, shape or layout is a TypeError or ValueError that names the argument.
#include <pybind11/pybind11.h>
#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <atomic>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <numeric>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "cooccurrence/cooccurrence.hpp"
#include "core/blas.hpp"
#include "cooccurrence/cooccurrence_panels.hpp"
#include "dense/dense.hpp"
#include "product/gather_isa.hpp"
#include "product/likes_product.hpp"
#include "neighbors/neighbors.hpp"
#include "dense/residual.hpp"
#include "core/parallel.hpp"
#include "bindings/gil.hpp"

namespace py = pybind11;
using namespace movieembed;
using std::int32_t;
using std::int64_t;

namespace {

std::string dtype_name(const py::array& a) { return py::str(py::object(a.dtype())).cast<std::string>(); }

template <class T>
bool is(const py::array& a) {
    return a.dtype().is(py::dtype::of<T>()) || a.dtype().equal(py::dtype::of<T>());
}

[[noreturn]] void wrong_dtype(const char* name, const char* wanted, const py::array& a) {
    throw py::type_error(std::string(name) + " must have dtype " + wanted + ", not " + dtype_name(a));
}

// A C-contiguous, aligned array of T with the given shape (-1: any length).
template <class T>
const T* checked(const py::array& a, const char* name, const char* wanted, std::initializer_list<int64_t> shape) {
    if (!is<T>(a)) wrong_dtype(name, wanted, a);
    if (a.ndim() != static_cast<py::ssize_t>(shape.size()))
        throw py::value_error(std::string(name) + " must have " + std::to_string(shape.size()) + " dimensions, not " +
                              std::to_string(a.ndim()));
    py::ssize_t axis = 0;
    for (const int64_t n : shape) {
        if (n >= 0 && a.shape(axis) != n)
            throw py::value_error(std::string(name) + " has length " + std::to_string(a.shape(axis)) + " on axis " +
                                  std::to_string(axis) + ", expected " + std::to_string(n));
        ++axis;
    }
    if (!(a.flags() & py::array::c_style)) throw py::value_error(std::string(name) + " must be C-contiguous");
    if (reinterpret_cast<std::uintptr_t>(a.data()) % alignof(T) != 0)
        throw py::value_error(std::string(name) + " must be aligned");
    return static_cast<const T*>(a.data());
}

template <class T>
constexpr const char* type_name() {
    if constexpr (std::is_same_v<T, float>) return "float32";
    if constexpr (std::is_same_v<T, double>) return "float64";
    if constexpr (std::is_same_v<T, int32_t>) return "int32";
    return "int64";
}

template <class T>
const T* checked(const py::array& a, const char* name, std::initializer_list<int64_t> shape) {
    return checked<T>(a, name, type_name<T>(), shape);
}

template <class T>
T* checked_output(py::array& a, const char* name, std::initializer_list<int64_t> shape) {
    checked<T>(a, name, shape);
    if (!a.writeable()) throw py::value_error(std::string(name) + " is read-only");
    return static_cast<T*>(a.mutable_data());
}

void check_no_overlap(const py::array& a, const char* a_name, const py::array& b, const char* b_name) {
    const auto* pa = static_cast<const char*>(a.data());
    const auto* pb = static_cast<const char*>(b.data());
    if (pa < pb + b.nbytes() && pb < pa + a.nbytes())
        throw py::value_error(std::string(a_name) + " and " + b_name + " share memory");
}

// A checked compressed sparse row matrix over borrowed NumPy arrays. Everything a kernel relies on is
// verified here, once, so that the products of an iteration need not look again.
class Csr {
public:
    Csr(int64_t rows, int64_t cols, py::array indptr, py::array indices, py::object values)
        : rows_(rows), cols_(cols), indptr_(std::move(indptr)), indices_(std::move(indices)) {
        if (rows < 0 || cols < 0) throw py::value_error("rows and cols must not be negative");
        if (rows == std::numeric_limits<int64_t>::max()) throw py::value_error("rows is too large");
        if (is<int32_t>(indptr_))
            wide_ = false;
        else if (is<int64_t>(indptr_))
            wide_ = true;
        else
            wrong_dtype("indptr", "int32 or int64", indptr_);
        if (!wide_ && cols > int64_t{std::numeric_limits<int32_t>::max()})
            throw py::value_error("cols does not fit the int32 of indices");
        if (!wide_ && rows > int64_t{std::numeric_limits<int32_t>::max()})
            throw py::value_error("rows does not fit the int32 of indptr");
        const int64_t nnz = static_cast<int64_t>(indices_.size());
        if (!values.is_none()) {
            values_ = py::array::ensure(values);
            if (!values_ || !(is<float>(values_) || is<double>(values_)))
                throw py::type_error("values must be a float32 or float64 array or None");
            if (is<float>(values_))
                check_values(checked<float>(values_, "values", {nnz}), nnz);
            else
                check_values(checked<double>(values_, "values", {nnz}), nnz);
        }
        if (wide_)
            check_structure<int64_t>();
        else
            check_structure<int32_t>();
    }

    int64_t rows() const { return rows_; }
    int64_t cols() const { return cols_; }
    int64_t nnz() const { return static_cast<int64_t>(indices_.size()); }
    bool wide() const { return wide_; }
    bool has_values() const { return has_values_; }
    bool values_are_double() const { return has_values_ && is<double>(values_); }

    // Whether both borrow the same index arrays.
    bool same_structure(const Csr& other) const {
        return rows_ == other.rows_ && cols_ == other.cols_ && wide_ == other.wide_ &&
               indptr_.data() == other.indptr_.data() && indices_.data() == other.indices_.data();
    }

    template <class T, class I>
    CsrView<T, I> view() const {
        CsrView<T, I> v{rows_, cols_, static_cast<const I*>(indptr_.data()), static_cast<const I*>(indices_.data()),
                        nullptr};
        if (has_values_) v.values = static_cast<const T*>(values_.data());
        return v;
    }

private:
    template <class T>
    void check_values(const T* x, int64_t n) {
        has_values_ = true;
        for (int64_t k = 0; k < n; ++k)
            if (!std::isfinite(x[k]))
                throw py::value_error("values holds NaN or infinity at position " + std::to_string(k));
    }

    template <class I>
    void check_structure() const {
        const I* ptr = checked<I>(indptr_, "indptr", {rows_ + 1});
        const I* idx = checked<I>(indices_, "indices", {-1});
        const int64_t nnz = static_cast<int64_t>(indices_.size());
        if (ptr[0] != 0) throw py::value_error("indptr must start with 0");
        for (int64_t r = 0; r < rows_; ++r)
            if (ptr[r + 1] < ptr[r]) throw py::value_error("indptr falls at row " + std::to_string(r));
        if (static_cast<int64_t>(ptr[rows_]) != nnz)
            throw py::value_error("indptr ends with " + std::to_string(static_cast<int64_t>(ptr[rows_])) +
                                  " but indices has " + std::to_string(nnz) + " entries");
        for (int64_t r = 0; r < rows_; ++r)
            for (int64_t k = static_cast<int64_t>(ptr[r]); k < static_cast<int64_t>(ptr[r + 1]); ++k) {
                const int64_t j = static_cast<int64_t>(idx[k]);
                if (j < 0 || j >= cols_)
                    throw py::value_error("indices holds " + std::to_string(j) + " in row " + std::to_string(r) +
                                          ", outside [0, " + std::to_string(cols_) + ")");
                if (k > static_cast<int64_t>(ptr[r]) && idx[k - 1] >= idx[k])
                    throw py::value_error("indices of row " + std::to_string(r) +
                                          " are not strictly ascending; call sum_duplicates() first");
            }
    }

    int64_t rows_, cols_;
    py::array indptr_, indices_, values_;
    bool wide_ = false;
    bool has_values_ = false;
};

// The type table: calls f with zeros of the value and index types that a and V ask for.
template <class F>
auto with_index(const Csr& a, F f) {
    return a.wide() ? f(int64_t{}) : f(int32_t{});
}

template <class F>
auto with_types(const Csr& a, F f) {
    return with_index(a, [&](auto i) { return a.values_are_double() ? f(double{}, i) : f(float{}, i); });
}

template <class F>
auto with_float(const py::array& v, const char* name, F f) {
    if (is<float>(v)) return f(float{});
    if (!is<double>(v)) wrong_dtype(name, "float32 or float64", v);
    return f(double{});
}

// Counts are kept in 32 bits.
void check_users(const Csr& l) {
    if (l.rows() > int64_t{std::numeric_limits<int32_t>::max()})
        throw py::value_error("l has more users than 32 bits count");
}

void check_pair(const Csr& l, const Csr& lt) {
    if (l.rows() != lt.cols() || l.cols() != lt.rows() || l.nnz() != lt.nnz())
        throw py::value_error("lt is not the transpose of l: their shapes or entry counts differ");
    if (l.wide() != lt.wide()) throw py::type_error("l and lt must have the same index dtype");
    if (l.has_values() != lt.has_values() || l.values_are_double() != lt.values_are_double())
        throw py::type_error("l and lt must have the same values dtype");
    check_users(l);
}

// Calls f with typed views of L and its transpose, which check_pair has seen.
template <class F>
void with_views(const Csr& l, const Csr& lt, F f) {
    with_types(l, [&](auto t, auto i) {
        using T = decltype(t);
        using I = decltype(i);
        f(l.view<T, I>(), lt.view<T, I>());
    });
}

void check_range(int64_t first, int64_t last, int64_t rows) {
    if (first < 0 || last < first || last > rows)
        throw py::value_error("rows [" + std::to_string(first) + ", " + std::to_string(last) + ") are not within [0, " +
                              std::to_string(rows) + ")");
}

// A row-major array whose rows may lie apart, such as some columns of a wider one.
template <class T, class Array>
Tall<T> tall(Array& a, const char* name, int64_t rows, int64_t cols) {
    using Value = std::remove_const_t<T>;
    if (!is<Value>(a)) wrong_dtype(name, type_name<Value>(), a);
    if (a.ndim() != 2)
        throw py::value_error(std::string(name) + " must have 2 dimensions, not " + std::to_string(a.ndim()));
    for (const auto& [axis, n] : {std::pair{0, rows}, std::pair{1, cols}})
        if (n >= 0 && a.shape(axis) != n)
            throw py::value_error(std::string(name) + " has length " + std::to_string(a.shape(axis)) + " on axis " +
                                  std::to_string(axis) + ", expected " + std::to_string(n));
    const auto size = static_cast<py::ssize_t>(sizeof(Value));
    const bool empty = a.shape(0) == 0 || a.shape(1) == 0;
    const py::ssize_t step = a.shape(0) > 1 ? a.strides(0) : a.shape(1) * size;
    if (!empty && ((a.shape(1) > 1 && a.strides(1) != size) || step % size != 0 || step < a.shape(1) * size))
        throw py::value_error(std::string(name) + " must have contiguous rows, one after another");
    if (reinterpret_cast<std::uintptr_t>(a.data()) % alignof(Value) != 0)
        throw py::value_error(std::string(name) + " must be aligned");
    const int64_t ld = std::max<int64_t>(1, empty ? a.shape(1) : step / size);
    if (ld > int64_t{std::numeric_limits<int32_t>::max()})
        throw py::value_error(std::string(name) + " has rows too far apart");
    if constexpr (std::is_const_v<T>) {
        return {static_cast<T*>(a.data()), a.shape(0), a.shape(1), ld};
    } else {
        if (!a.writeable()) throw py::value_error(std::string(name) + " is read-only");
        return {static_cast<T*>(a.mutable_data()), a.shape(0), a.shape(1), ld};
    }
}

// Whether the rectangles of two arrays meet: side by side within the same rows they do not.
template <class T>
void check_apart(const Tall<const T>& a, const char* a_name, const Tall<T>& b, const char* b_name) {
    if (a.rows == 0 || b.rows == 0 || a.cols == 0 || b.cols == 0) return;
    const T* a_end = a.row(a.rows - 1) + a.cols;
    const T* b_end = b.row(b.rows - 1) + b.cols;
    if (a.data >= b_end || b.data >= a_end) return;
    if (a.ld == b.ld) {
        const int64_t shift = ((b.data - a.data) % a.ld + a.ld) % a.ld;
        if (shift >= a.cols && shift + b.cols <= a.ld) return;
    }
    throw py::value_error(std::string(a_name) + " and " + b_name + " share memory");
}

// L with its blocked transpose, over any of the types.
class Product {
public:
    Product(py::object l, const py::object& dtype, int n_threads, const Product* like) : l_object_(std::move(l)) {
        const Csr& a = l_object_.cast<const Csr&>();
        wide_value_ = py::dtype::from_args(dtype).equal(py::dtype::of<double>());
        if (!wide_value_ && !py::dtype::from_args(dtype).equal(py::dtype::of<float>()))
            throw py::type_error("dtype must be float32 or float64");
        if (a.has_values() && a.values_are_double() != wide_value_)
            throw py::type_error("dtype and the values of l must be the same");
        if (like && !a.same_structure(like->l_object_.cast<const Csr&>()))
            throw py::value_error("l and that of `like` must share their index arrays");
        rows_ = a.rows();
        cols_ = a.cols();
        with_index(a, [&](auto i) {
            using I = decltype(i);
            if (wide_value_)
                make<double, I>(a, n_threads, like);
            else
                make<float, I>(a, n_threads, like);
        });
    }

    double apply(const py::array& v, py::array out, int n_threads) const {
        double squares = 0;
        product(v, "v", cols_, out,
                [&](const auto& any, const auto& from, const auto& to) { squares = any.apply(from, to, n_threads); });
        return squares;
    }

    double squared_norm(const py::array& v, int n_threads) const {
        const auto of = [&](const auto& any) {
            using T = typename std::remove_cvref_t<decltype(any)>::Value;
            const auto tv = tall<const T>(v, "v", cols_, -1);
            WithoutGil free;
            return any.squared_norm(tv, n_threads);
        };
        return wide_value_ ? of(*double_) : of(*float_);
    }

    void to_items(const py::array& u, py::array out, int n_threads) const {
        product(u, "u", rows_, out,
                [&](const auto& any, const auto& from, const auto& to) { any.to_items(from, to, n_threads); });
    }

    py::array_t<double> squares() const { return py::array_t<double>(cols_, squares_->data()); }

private:
    template <class I>
    using SharedBlocks = std::shared_ptr<const LikesBlocks<I>>;

    template <class T>
    struct Any {
        using Value = T;
        virtual ~Any() = default;
        virtual double squared_norm(const Tall<const T>& v, int n_threads) const = 0;
        virtual double apply(const Tall<const T>& v, const Tall<T>& out, int n_threads) const = 0;
        virtual void to_items(const Tall<const T>& u, const Tall<T>& out, int n_threads) const = 0;
    };
    template <class T, class I>
    struct Typed final : Any<T> {
        LikesProduct<T, I> product;
        Typed(const CsrView<T, I>& l, int n_threads, SharedBlocks<I> blocks)
            : product(l, n_threads, std::move(blocks)) {}
        double apply(const Tall<const T>& v, const Tall<T>& out, int n_threads) const override {
            return product.apply(v.data, v.ld, v.cols, out.data, out.ld, n_threads);
        }
        double squared_norm(const Tall<const T>& v, int n_threads) const override {
            return product.squared_norm(v.data, v.ld, v.cols, n_threads);
        }
        void to_items(const Tall<const T>& u, const Tall<T>& out, int n_threads) const override {
            product.to_items(u.data, u.ld, u.cols, out.data, out.ld, n_threads);
        }
    };

    template <class T, class I>
    void make(const Csr& a, int n_threads, const Product* like) {
        const auto view = a.view<T, I>();
        WithoutGil free;
        auto& blocks = std::get<SharedBlocks<I>>(blocks_);
        if (like) blocks = std::get<SharedBlocks<I>>(like->blocks_);
        auto typed = std::make_unique<Typed<T, I>>(view, n_threads, blocks);
        blocks = typed->product.blocks();
        squares_ = &typed->product.squares();
        if constexpr (std::is_same_v<T, double>)
            double_ = std::move(typed);
        else
            float_ = std::move(typed);
    }

    template <class Call>
    void product(const py::array& from, const char* name, int64_t rows, py::array& out, Call call) const {
        const auto typed = [&](auto t, const auto& any) {
            using T = decltype(t);
            const auto a = tall<const T>(from, name, rows, -1);
            const auto b = tall<T>(out, "out", cols_, a.cols);
            check_apart(a, name, b, "out");
            WithoutGil free;
            call(*any, a, b);
        };
        if (wide_value_)
            typed(double{}, double_);
        else
            typed(float{}, float_);
    }

    py::object l_object_;  // kept alive: the product borrows its arrays
    bool wide_value_ = false;
    int64_t rows_ = 0, cols_ = 0;
    std::unique_ptr<Any<float>> float_;
    std::unique_ptr<Any<double>> double_;
    std::tuple<SharedBlocks<int32_t>, SharedBlocks<int64_t>> blocks_;
    const std::vector<double>* squares_ = nullptr;
};

// What is built range by range is built by one thread at a time.
class InUse {
public:
    explicit InUse(std::atomic_flag& flag) : flag_(flag) {
        if (flag_.test_and_set()) throw std::runtime_error("another thread is using this object");
    }
    ~InUse() { flag_.clear(); }
    InUse(const InUse&) = delete;
    InUse& operator=(const InUse&) = delete;

private:
    std::atomic_flag& flag_;
};

// X in the making: add() counts the entries of each row, fill() writes them once all rows are counted.
class Cooccurrence {
public:
    Cooccurrence(py::object users, py::object items) : l_object_(std::move(users)), lt_object_(std::move(items)) {
        check_pair(l(), lt());
        indptr_ = py::array_t<int64_t>(l().cols() + 1);
        indptr_.mutable_data()[0] = 0;
        with_views(l(), lt(), [&](const auto& vl, const auto&) {
            WithoutGil free;
            users_ = user_bits(vl);
        });
    }

    void add(int64_t first, int64_t last, int n_threads) {
        const InUse mine(in_use_);
        check_next(first, last, counted_);
        int64_t* nnz = indptr_.mutable_data() + first + 1;
        with_views(l(), lt(), [&](const auto& vl, const auto& vlt) {
            WithoutGil free;
            cooccurrence_row_nnz(vl, vlt, users_, first, last, nnz, n_threads);
        });
        counted_ = last;
    }

    int64_t nnz() const {  // of the rows counted so far
        const int64_t* p = indptr_.data();
        return allocated_ ? p[l().cols()] : std::accumulate(p, p + counted_ + 1, int64_t{0});
    }

    void fill(int64_t first, int64_t last, int n_threads) {
        const InUse mine(in_use_);
        check_next(first, last, filled_);
        if (counted_ != l().cols())
            throw py::value_error("rows " + std::to_string(counted_) + " to " + std::to_string(l().cols()) +
                                  " are missing");
        if (filled_ == 0 && !allocated_) allocate();
        const int64_t* indptr = indptr_.data();
        with_views(l(), lt(), [&](const auto& vl, const auto& vlt) {
            using I = std::remove_cv_t<std::remove_pointer_t<decltype(vl.indices)>>;
            I* indices = static_cast<I*>(indices_.mutable_data());
            void* data = data_.mutable_data();
            WithoutGil free;
            if (vl.values)
                cooccurrence_rows(vl, vlt, users_, first, last, indptr, indices, static_cast<double*>(data), n_threads);
            else
                cooccurrence_rows(vl, vlt, users_, first, last, indptr, indices, static_cast<int64_t*>(data),
                                  n_threads);
        });
        filled_ = last;
    }

    py::tuple finish(int n_threads) {
        fill(filled_, l().cols(), n_threads);
        return py::make_tuple(indptr_, indices_, data_);
    }

private:
    const Csr& l() const { return l_object_.cast<const Csr&>(); }
    const Csr& lt() const { return lt_object_.cast<const Csr&>(); }

    void check_next(int64_t first, int64_t last, int64_t next) const {
        check_range(first, last, l().cols());
        if (first != next) throw py::value_error("rows must be added in order: " + std::to_string(next) + " is next");
    }

    void allocate() {
        int64_t* p = indptr_.mutable_data();
        for (int64_t r = 0; r < l().cols(); ++r) p[r + 1] += p[r];
        const int64_t nnz = p[l().cols()];
        with_index(l(), [&](auto i) { indices_ = py::array_t<decltype(i)>(nnz); });
        if (l().has_values())
            data_ = py::array_t<double>(nnz);
        else
            data_ = py::array_t<int64_t>(nnz);
        allocated_ = true;
    }

    py::object l_object_, lt_object_;  // kept alive: the kernels borrow their arrays
    py::array_t<int64_t> indptr_;
    py::array indices_, data_;
    UserBits users_;
    int64_t counted_ = 0, filled_ = 0;
    bool allocated_ = false;
    std::atomic_flag in_use_;
};

// Of likes without values, which it does not keep.
std::unique_ptr<CooccurrencePanels> make_panels(const Csr& l, int64_t k, int n_threads) {
    if (l.has_values()) throw py::type_error("l has values: panels count likes of 1");
    check_users(l);
    if (l.cols() > int64_t{std::numeric_limits<int32_t>::max()})
        throw py::value_error("l has more items than 32 bits count");
    if (k < 0 || k > l.cols())
        throw py::value_error("k must be within [0, " + std::to_string(l.cols()) + "], not " + std::to_string(k));
    return with_index(l, [&](auto i) {
        const auto view = l.view<float, decltype(i)>();
        WithoutGil free;
        return std::make_unique<CooccurrencePanels>(view, k, n_threads);
    });
}

// CooccurrencePanels with its ranges in order, so that none is added twice.
class Panels {
public:
    Panels(const Csr& l, int64_t k, int n_threads)
        : panels_(make_panels(l, k, n_threads)), n_items_(l.cols()), k_(k), count_(std::ssize(panels_->work())) {}

    py::array_t<int64_t> work() const { return py::array_t<int64_t>(count_, panels_->work().data()); }

    void add(int64_t first, int64_t last, int n_threads) {
        const InUse mine(in_use_);
        check_range(first, last, count_);
        if (first < next_)
            throw py::value_error("panels must be added in order: " + std::to_string(next_) + " is next");
        WithoutGil free;
        panels_->add(first, last, n_threads);
        added_ += last - first;
        next_ = last;
    }

    py::tuple sums(bool partial) {
        const InUse mine(in_use_);
        if (!partial) check_all();
        py::array_t<double> squares(n_items_), totals(n_items_);
        panels_->sums(squares.mutable_data(), totals.mutable_data());
        return py::make_tuple(squares, totals);
    }

    py::tuple top_k(int n_threads) {
        const InUse mine(in_use_);
        check_all();
        if (k_ == 0) throw py::value_error("k is 0");
        py::array_t<int64_t> columns({n_items_, k_});
        py::array_t<double> values({n_items_, k_});
        int64_t* pc = columns.mutable_data();
        double* pv = values.mutable_data();
        {
            WithoutGil free;
            panels_->top_k(pc, pv, n_threads);
        }
        return py::make_tuple(columns, values);
    }

private:
    void check_all() const {
        if (added_ != count_)
            throw py::value_error(std::to_string(count_ - added_) + " of " + std::to_string(count_) +
                                  " panels are missing");
    }

    std::unique_ptr<CooccurrencePanels> panels_;
    int64_t n_items_, k_, count_, next_ = 0, added_ = 0;
    std::atomic_flag in_use_;
};

py::tuple cooccurrence_row_sums_py(const Csr& l, const Csr& lt, int64_t first, int64_t last, int n_threads) {
    check_pair(l, lt);
    check_range(first, last, l.cols());
    py::array_t<double> squares(last - first), totals(last - first);
    double* ps = squares.mutable_data();
    double* pt = totals.mutable_data();
    with_views(l, lt, [&](const auto& vl, const auto& vlt) {
        WithoutGil free;
        cooccurrence_row_sums(vl, vlt, first, last, ps, pt, n_threads);
    });
    return py::make_tuple(squares, totals);
}

py::tuple cooccurrence_top_k_py(const Csr& l, const Csr& lt, int64_t first, int64_t last, int64_t k, int n_threads) {
    check_pair(l, lt);
    check_range(first, last, l.cols());
    if (k < 1 || k > std::max<int64_t>(1, l.cols()))
        throw py::value_error("k must be within [1, " + std::to_string(l.cols()) + "], not " + std::to_string(k));
    py::array_t<int64_t> columns({last - first, k});
    py::array_t<double> values({last - first, k});
    int64_t* pc = columns.mutable_data();
    double* pv = values.mutable_data();
    with_views(l, lt, [&](const auto& vl, const auto& vlt) {
        WithoutGil free;
        cooccurrence_top_k(vl, vlt, first, last, k, pc, pv, n_threads);
    });
    return py::make_tuple(columns, values);
}

void check_blas() {
    if (!blas<float>.gemm) throw std::runtime_error("set_blas has not been called");
}

py::array_t<double> row_dots_py(const py::array& a, const py::array& b, int n_threads) {
    return with_float(a, "a", [&](auto t) {
        using T = decltype(t);
        const auto ta = tall<const T>(a, "a", -1, -1);
        const auto tb = tall<const T>(b, "b", ta.rows, ta.cols);
        py::array_t<double> out(ta.rows);
        double* po = out.mutable_data();
        WithoutGil free;
        row_dots(ta, tb, po, n_threads);
        return out;
    });
}

void tall_times_small_py(const py::array& a, const py::array& c, py::array out, bool add, int n_threads) {
    check_blas();
    with_float(a, "a", [&](auto t) {
        using T = decltype(t);
        const auto ta = tall<const T>(a, "a", -1, -1);
        const T* pc = checked<T>(c, "c", {ta.cols, -1});
        const int64_t q = c.shape(1);
        const auto to = tall<T>(out, "out", ta.rows, q);
        check_apart(ta, "a", to, "out");
        check_no_overlap(c, "c", out, "out");
        WithoutGil free;
        tall_times_small(ta, pc, q, to, add, n_threads);
    });
}

py::array_t<double> tall_gram_py(const py::array& a, const py::object& b, const py::object& w, int n_threads) {
    check_blas();
    return with_float(a, "a", [&](auto t) {
        using T = decltype(t);
        const auto ta = tall<const T>(a, "a", -1, -1);
        Tall<const T> tb{nullptr, ta.rows, ta.cols, ta.ld};
        py::array b_array, w_array;
        if (!b.is_none()) {
            b_array = py::array::ensure(b);
            if (!b_array) throw py::type_error("b must be an array");
            tb = tall<const T>(b_array, "b", ta.rows, -1);
        }
        const double* pw = nullptr;
        if (!w.is_none()) {
            if (tb.data) throw py::value_error("w and b do not go together");
            w_array = py::array::ensure(w);
            if (!w_array) throw py::type_error("w must be an array");
            pw = checked<double>(w_array, "w", {ta.rows});
        }
        py::array_t<double> out({ta.cols, tb.cols});
        double* po = out.mutable_data();
        WithoutGil free;
        tall_gram(ta, tb, pw, po, n_threads);
        return out;
    });
}

void eigen_residual_py(const py::array& q, const py::array& xq, const py::array& delta, const py::array& theta,
                       double scale, py::array out, int n_threads) {
    with_float(q, "q", [&](auto t) {
        using T = decltype(t);
        const auto tq = tall<const T>(q, "q", -1, -1);
        const auto tx = tall<const T>(xq, "xq", tq.rows, tq.cols);
        const double* pd = checked<double>(delta, "delta", {tq.rows});
        const double* pt = checked<double>(theta, "theta", {tq.cols});
        const auto to = tall<T>(out, "out", tq.rows, tq.cols);
        check_apart(tq, "q", to, "out");
        check_apart(tx, "xq", to, "out");
        WithoutGil free;
        eigen_residual(tq, tx, pd, pt, scale, to, n_threads);
    });
}

py::tuple moments_py(const py::array& v, int n_threads) {
    check_blas();
    return with_float(v, "v", [&](auto t) -> py::tuple {
        using T = decltype(t);
        const auto tv = tall<const T>(v, "v", -1, -1);
        py::array_t<double> gram({tv.cols, tv.cols}), norms(tv.rows);
        double* pg = gram.mutable_data();
        double* pn = norms.mutable_data();
        {
            WithoutGil free;
            moments(tv, pg, pn, n_threads);
        }
        return py::make_tuple(gram, norms);
    });
}

py::array_t<double> masked_gradient_py(const py::array& v, const py::array& xv, const py::array& gram,
                                       const py::array& norms, py::array out, int n_threads) {
    check_blas();
    return with_float(v, "v", [&](auto t) {
        using T = decltype(t);
        const auto tv = tall<const T>(v, "v", -1, -1);
        const auto tx = tall<const T>(xv, "xv", tv.rows, tv.cols);
        const T* pg = checked<T>(gram, "gram", {tv.cols, tv.cols});
        const double* pn = checked<double>(norms, "norms", {tv.rows});
        const auto to = tall<T>(out, "out", tv.rows, tv.cols);
        check_apart(tv, "v", to, "out");
        check_apart(tx, "xv", to, "out");
        check_no_overlap(gram, "gram", out, "out");
        check_no_overlap(norms, "norms", out, "out");
        py::array_t<double> squares(tv.rows);
        double* ps = squares.mutable_data();
        WithoutGil free;
        masked_gradient(tv, tx, pg, pn, to, ps, n_threads);
        return squares;
    });
}

// For each query the rows to pass over, ascending.
std::pair<const int64_t*, const int64_t*> checked_exclusion(const py::array& pointers, const py::array& excluded,
                                                            int64_t queries) {
    const int64_t* pp = checked<int64_t>(pointers, "excluded_ptr", {queries + 1});
    const int64_t* pe = checked<int64_t>(excluded, "excluded", {-1});
    const int64_t listed = excluded.shape(0);
    if (pp[0] != 0 || pp[queries] != listed) throw py::value_error("excluded_ptr does not fit excluded");
    for (int64_t q = 0; q < queries; ++q)
        if (pp[q + 1] < pp[q] || pp[q + 1] > listed)
            throw py::value_error("excluded_ptr falls at query " + std::to_string(q));
    for (int64_t q = 0; q < queries; ++q)
        for (int64_t e = pp[q]; e < pp[q + 1]; ++e)
            if (e > pp[q] ? pe[e - 1] >= pe[e] : pe[e] < 0)
                throw py::value_error("excluded is not strictly ascending from 0 for query " + std::to_string(q));
    return {pp, pe};
}

py::tuple top_k_products_py(const py::array& queries, const py::array& items, int64_t k, const py::array& excluded_ptr,
                            const py::array& excluded, int n_threads) {
    check_blas();
    if (k < 1) throw py::value_error("k must be at least 1, not " + std::to_string(k));
    return with_float(queries, "queries", [&](auto t) -> py::tuple {
        using T = decltype(t);
        const auto tq = tall<const T>(queries, "queries", -1, -1);
        const auto ti = tall<const T>(items, "items", -1, tq.cols);
        if (k > std::max<int64_t>(1, ti.rows))
            throw py::value_error("k must be at most the number of items, " + std::to_string(ti.rows) + ", not " +
                                  std::to_string(k));
        const auto [pp, pe] = checked_exclusion(excluded_ptr, excluded, tq.rows);
        py::array_t<int64_t> rows({tq.rows, k});
        py::array_t<T> scores({tq.rows, k});
        int64_t* pr = rows.mutable_data();
        T* ps = scores.mutable_data();
        {
            WithoutGil free;
            top_k_products(tq, ti, k, pp, pe, pr, ps, n_threads);
        }
        return py::make_tuple(rows, scores);
    });
}

py::tuple top_k_columns_py(const py::array& scores, int64_t k, const py::array& excluded_ptr, const py::array& excluded,
                           int n_threads) {
    return with_float(scores, "scores", [&](auto t) -> py::tuple {
        using T = decltype(t);
        const auto ts = tall<const T>(scores, "scores", -1, -1);
        if (k < 1 || k > std::max<int64_t>(1, ts.rows))
            throw py::value_error("k must be within [1, " + std::to_string(ts.rows) + "], not " + std::to_string(k));
        const auto [pp, pe] = checked_exclusion(excluded_ptr, excluded, ts.cols);
        py::array_t<int64_t> rows({ts.cols, k});
        py::array_t<T> best({ts.cols, k});
        int64_t* pr = rows.mutable_data();
        T* ps = best.mutable_data();
        {
            WithoutGil free;
            top_k_columns(ts, k, pp, pe, pr, ps, n_threads);
        }
        return py::make_tuple(rows, best);
    });
}

// The functions of SciPy's table, each a capsule named by its C signature.
void set_blas(const py::object& sgemm, const py::object& dgemm, const py::object& ssyrk, const py::object& dsyrk) {
    const auto pointer = [](const py::object& capsule) -> void* {
        if (!PyCapsule_CheckExact(capsule.ptr())) throw py::type_error("BLAS functions must be capsules");
        const char* name = PyCapsule_GetName(capsule.ptr());
        if (!name || !std::strstr(name, "int *"))
            throw py::value_error("this SciPy's BLAS does not count in 32-bit integers");
        return PyCapsule_GetPointer(capsule.ptr(), name);
    };
    blas<float> = {reinterpret_cast<Gemm<float>*>(pointer(sgemm)), reinterpret_cast<Syrk<float>*>(pointer(ssyrk))};
    blas<double> = {reinterpret_cast<Gemm<double>*>(pointer(dgemm)), reinterpret_cast<Syrk<double>*>(pointer(dsyrk))};
}

py::array_t<double> residual_rows_py(const Csr& l, const Csr& lt, int64_t first, py::array p, int n_threads) {
    check_pair(l, lt);
    double* pp = checked_output<double>(p, "p", {-1, l.cols()});
    const int64_t rows = p.shape(0);
    check_range(first, first, l.cols());  // alone, so that the sum below cannot overflow
    check_range(first, first + rows, l.cols());
    py::array_t<double> squares(rows);
    double* ps = squares.mutable_data();
    with_views(l, lt, [&](const auto& vl, const auto& vlt) {
        WithoutGil free;
        residual_rows(vl, vlt, first, rows, pp, ps, n_threads);
    });
    return squares;
}

}  // namespace

// No kernel touches Python objects, and what is shared has locks of its own.
PYBIND11_MODULE(_core, m, py::mod_gil_not_used()) {
    m.doc() = "Compiled kernels of movieembed. Private: use the functions of the package.";

    m.def("max_threads", &max_threads, "Threads that a kernel uses when n_threads is 0.");
    m.def("set_max_threads", &set_max_threads, py::arg("n"),
          "Hold that at n for this thread, whatever happens to OpenMP's number, until a call with 0.");
    m.def("set_parallel_threshold", &set_parallel_threshold, py::arg("work"),
          "Multiply-adds below which the products of an iteration stay on one thread.");
    m.def("parallel_threshold", &parallel_threshold, "See set_parallel_threshold.");
    m.def("gather_isas", &gather_isas, "Instruction sets that the gather loops can run on here, best first.");
    m.def("gather_isa", &gather_isa, "The one in use.");
    m.def(
        "use_gather_isa",
        [](const std::string& name) {
            if (!use_gather_isa(name)) throw py::value_error("this machine has no gather loops for " + name);
        },
        py::arg("name"), "Choose one of gather_isas().");

    py::class_<Csr>(m, "Csr", "A checked sparse matrix in row form over borrowed arrays; values None means all ones.")
        .def(py::init<int64_t, int64_t, py::array, py::array, py::object>(), py::arg("rows"), py::arg("cols"),
             py::arg("indptr").noconvert(), py::arg("indices").noconvert(), py::arg("values") = py::none())
        .def_property_readonly("rows", &Csr::rows)
        .def_property_readonly("cols", &Csr::cols)
        .def_property_readonly("nnz", &Csr::nnz);

    py::class_<Product>(m, "Product", "L'(L V) - diag(c) V and L'U for a matrix L.")
        .def(py::init<py::object, py::object, int, const Product*>(), py::arg("l"), py::arg("dtype"),
             py::arg("n_threads") = 0, py::arg("like") = py::none(),
             "With `like`, of the same index arrays and other values or another dtype, much is shared.")
        .def("apply", &Product::apply, "out = X v; returns |L v|_F^2.", py::arg("v").noconvert(),
             py::arg("out").noconvert(), py::arg("n_threads") = 0)
        .def("squared_norm", &Product::squared_norm, "|L v|_F^2 alone.", py::arg("v").noconvert(),
             py::arg("n_threads") = 0)
        .def("to_items", &Product::to_items, py::arg("u").noconvert(), py::arg("out").noconvert(),
             py::arg("n_threads") = 0)
        .def("squares", &Product::squares, "c, the sum of squares of each column of L.");
    py::class_<Cooccurrence>(m, "Cooccurrence",
                             "X in the making: add() ranges of rows, fill() them, then finish() what is left.")
        .def(py::init<py::object, py::object>(), py::arg("l"), py::arg("lt"))
        .def("add", &Cooccurrence::add, py::arg("first"), py::arg("last"), py::arg("n_threads") = 0)
        .def_property_readonly("nnz", &Cooccurrence::nnz, "Entries of the rows that were added.")
        .def("fill", &Cooccurrence::fill, py::arg("first"), py::arg("last"), py::arg("n_threads") = 0)
        .def("finish", &Cooccurrence::finish, py::arg("n_threads") = 0, "(indptr, indices, data) of X.");
    py::class_<Panels>(m, "CooccurrencePanels", "Facts of all rows of X: add() ranges of panels, then ask.")
        .def(py::init<const Csr&, int64_t, int>(), py::arg("l"), py::arg("k"), py::arg("n_threads") = 0)
        .def_property_readonly("work", &Panels::work, "Vector operations of each panel.")
        .def("add", &Panels::add, py::arg("first"), py::arg("last"), py::arg("n_threads") = 0)
        .def("sums", &Panels::sums,
             "Row sums of squares of X, of all or what some panels add to them; and row sums of X.",
             py::arg("partial") = false)
        .def("top_k", &Panels::top_k, py::arg("n_threads") = 0, "The k largest entries of each row of X.");
    m.def("cooccurrence_row_sums", &cooccurrence_row_sums_py, "Row sums of squares and row sums of X.", py::arg("l"),
          py::arg("lt"), py::arg("first"), py::arg("last"), py::arg("n_threads") = 0);
    m.def("cooccurrence_top_k", &cooccurrence_top_k_py, "The k largest entries of rows of X: (columns, values).",
          py::arg("l"), py::arg("lt"), py::arg("first"), py::arg("last"), py::arg("k"), py::arg("n_threads") = 0);
    m.def("set_blas", &set_blas, "Take BLAS from SciPy's capsules.", py::arg("sgemm"), py::arg("dgemm"),
          py::arg("ssyrk"), py::arg("dsyrk"));
    m.def("row_dots", &row_dots_py, "Row-wise dot products in float64.", py::arg("a").noconvert(),
          py::arg("b").noconvert(), py::arg("n_threads") = 0);
    m.def("tall_times_small", &tall_times_small_py, "out = a c, or out += a c.", py::arg("a").noconvert(),
          py::arg("c").noconvert(), py::arg("out").noconvert(), py::arg("add") = false, py::arg("n_threads") = 0);
    m.def("tall_gram", &tall_gram_py, "a'b, or a' diag(w) a, in float64.", py::arg("a").noconvert(),
          py::arg("b") = py::none(), py::arg("w") = py::none(), py::arg("n_threads") = 0);
    m.def("eigen_residual", &eigen_residual_py, "out = scale (xq + diag(delta) q - q diag(theta)).",
          py::arg("q").noconvert(), py::arg("xq").noconvert(), py::arg("delta").noconvert(),
          py::arg("theta").noconvert(), py::arg("scale"), py::arg("out").noconvert(), py::arg("n_threads") = 0);
    m.def("moments", &moments_py, "(v'v, row norms squared), all of it in float64.", py::arg("v").noconvert(),
          py::arg("n_threads") = 0);
    m.def("masked_gradient", &masked_gradient_py,
          "out = 4 (v gram - xv - diag(norms) v); returns the squared norms of its rows.", py::arg("v").noconvert(),
          py::arg("xv").noconvert(), py::arg("gram").noconvert(), py::arg("norms").noconvert(),
          py::arg("out").noconvert(), py::arg("n_threads") = 0);
    m.def("top_k_products", &top_k_products_py, "The k items of the largest products with each query: (rows, scores).",
          py::arg("queries").noconvert(), py::arg("items").noconvert(), py::arg("k"), py::arg("excluded_ptr"),
          py::arg("excluded"), py::arg("n_threads") = 0);
    m.def("top_k_columns", &top_k_columns_py, "The k largest of each column: (rows, scores), both columns x k.",
          py::arg("scores").noconvert(), py::arg("k"), py::arg("excluded_ptr"), py::arg("excluded"),
          py::arg("n_threads") = 0);
    m.def("residual_rows", &residual_rows_py, "p <- p - X off the diagonal, 0 on it; returns row sums of squares.",
          py::arg("l"), py::arg("lt"), py::arg("first"), py::arg("p").noconvert(), py::arg("n_threads") = 0);
}
