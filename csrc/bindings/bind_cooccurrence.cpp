// X = L'L off its diagonal, and what is known of it without storing it.
#include <memory>
#include <numeric>
#include <vector>

#include "bindings/checked_csr.hpp"
#include "bindings/register.hpp"
#include "cooccurrence/cooccurrence.hpp"
#include "cooccurrence/cooccurrence_panels.hpp"
#include "cooccurrence/sum_of_squares.hpp"

namespace movieembed {
namespace {

// X in the making: add() counts the entries of each row, fill() writes them once all rows are counted.
class Cooccurrence {
public:
    Cooccurrence(const Csr& l, const Csr& lt) : l_(l), lt_(lt) {
        check_pair(l_, lt_);
        indptr_ = py::array_t<int64_t>(l_.cols() + 1);
        indptr_.mutable_data()[0] = 0;
        users_ = without_gil([&] { return std::visit([](const auto& view) { return user_bits(view); }, l_.view()); });
    }

    void add(int64_t first, int64_t last, int n_threads) {
        const InUse mine(in_use_);
        check_next(first, last, counted_);
        int64_t* nnz = indptr_.mutable_data() + first + 1;
        with_views(l_, lt_, [&](const auto& by_user, const auto& by_item) {
            cooccurrence_row_nnz(by_user, by_item, users_, first, last, nnz, n_threads);
        });
        counted_ = last;
    }

    int64_t nnz() const {  // of the rows counted so far
        const int64_t* p = indptr_.data();
        return allocated_ ? p[l_.cols()] : std::accumulate(p, p + counted_ + 1, int64_t{0});
    }

    void fill(int64_t first, int64_t last, int n_threads) {
        const InUse mine(in_use_);
        check_next(first, last, filled_);
        if (counted_ != l_.cols()) value_error("rows ", counted_, " to ", l_.cols(), " are missing");
        if (!allocated_) allocate();
        const auto write = [&](auto* data) {
            with_views(l_, lt_, [&]<class T, class I>(const CsrView<T, I>& by_user, const CsrView<T, I>& by_item) {
                cooccurrence_rows(by_user, by_item, users_, first, last, indptr_.data(),
                                  static_cast<I*>(indices_.mutable_data()), data, n_threads);
            });
        };
        if (l_.has_values())
            write(static_cast<double*>(data_.mutable_data()));
        else
            write(static_cast<int64_t*>(data_.mutable_data()));
        filled_ = last;
    }

    py::tuple finish(int n_threads) {
        fill(filled_, l_.cols(), n_threads);
        return py::make_tuple(indptr_, indices_, data_);
    }

private:
    void check_next(int64_t first, int64_t last, int64_t next) const {
        check_range(first, last, l_.cols());
        if (first != next) value_error("rows must be added in order: ", next, " is next");
    }

    void allocate() {
        int64_t* p = indptr_.mutable_data();
        std::partial_sum(p, p + l_.cols() + 1, p);
        const auto n = static_cast<py::ssize_t>(p[l_.cols()]);
        if (l_.int64_indices())
            indices_ = py::array_t<int64_t>(n);
        else
            indices_ = py::array_t<int32_t>(n);
        if (l_.has_values())
            data_ = py::array_t<double>(n);
        else
            data_ = py::array_t<int64_t>(n);
        allocated_ = true;
    }

    Csr l_, lt_;
    py::array_t<int64_t> indptr_;
    py::array indices_, data_;
    UserBits users_;
    int64_t counted_ = 0, filled_ = 0;
    bool allocated_ = false;
    std::atomic_flag in_use_;
};

// Of likes without values, which it does not keep.
std::unique_ptr<CooccurrencePanels> make_panels(const Csr& l, int64_t k, int n_threads) {
    if (l.has_values()) type_error("l has values: panels count likes of 1");
    check_users(l);
    if (l.cols() > kMost32) value_error("l has more items than 32 bits count");
    if (k < 0 || k > l.cols()) value_error("k must be within [0, ", l.cols(), "], not ", k);
    return without_gil([&] {
        return std::visit([&](const auto& view) { return std::make_unique<CooccurrencePanels>(view, k, n_threads); },
                          l.view());
    });
}

// Calls kernel(columns, values), both rows x k, and returns them.
template <class Kernel>
py::tuple best_entries(int64_t rows, int64_t k, Kernel kernel) {
    py::array_t<int64_t> columns({rows, k});
    py::array_t<double> values({rows, k});
    kernel(columns.mutable_data(), values.mutable_data());
    return py::make_tuple(columns, values);
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
        if (first < next_) value_error("panels must be added in order: ", next_, " is next");
        without_gil([&] { panels_->add(first, last, n_threads); });
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
        if (k_ == 0) value_error("k is 0");
        return best_entries(n_items_, k_, [&](int64_t* columns, double* values) {
            without_gil([&] { panels_->top_k(columns, values, n_threads); });
        });
    }

private:
    void check_all() const {
        if (added_ != count_) value_error(count_ - added_, " of ", count_, " panels are missing");
    }

    std::unique_ptr<CooccurrencePanels> panels_;
    int64_t n_items_, k_, count_, next_ = 0, added_ = 0;
    std::atomic_flag in_use_;
};

py::tuple bind_row_sums(const Csr& l, const Csr& lt, int64_t first, int64_t last, int n_threads) {
    check_pair(l, lt);
    check_range(first, last, l.cols());
    py::array_t<double> squares(last - first), totals(last - first);
    with_views(l, lt, [&](const auto& by_user, const auto& by_item) {
        cooccurrence_row_sums(by_user, by_item, first, last, squares.mutable_data(), totals.mutable_data(), n_threads);
    });
    return py::make_tuple(squares, totals);
}

double bind_sum_of_squares(const Csr& l, int n_threads) {
    if (l.has_values()) type_error("l has values: likes of 1 are counted");
    check_users(l);
    if (l.cols() > kMost32) value_error("l has more items than 32 bits count");
    if (l.nnz() > kMost32) value_error("l has more likes than 32 bits count");
    return without_gil([&] {
        return std::visit([&](const auto& view) { return cooccurrence_sum_of_squares(view, n_threads); }, l.view());
    });
}

py::tuple bind_top_k(const Csr& l, const Csr& lt, int64_t first, int64_t last, int64_t k, int n_threads) {
    check_pair(l, lt);
    check_range(first, last, l.cols());
    if (k < 1 || k > std::max<int64_t>(1, l.cols())) value_error("k must be within [1, ", l.cols(), "], not ", k);
    return best_entries(last - first, k, [&](int64_t* columns, double* values) {
        with_views(l, lt, [&](const auto& by_user, const auto& by_item) {
            cooccurrence_top_k(by_user, by_item, first, last, k, columns, values, n_threads);
        });
    });
}

}  // namespace

void register_cooccurrence(py::module_& m) {
    py::class_<Cooccurrence>(m, "Cooccurrence",
                             "X in the making: add() ranges of rows, fill() them, then finish() what is left.")
        .def(py::init<const Csr&, const Csr&>(), py::arg("l"), py::arg("lt"))
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
    m.def("cooccurrence_row_sums", &bind_row_sums, "Row sums of squares and row sums of X.", py::arg("l"),
          py::arg("lt"), py::arg("first"), py::arg("last"), py::arg("n_threads") = 0);
    m.def("cooccurrence_sum_of_squares", &bind_sum_of_squares, "Sum of squares of X, fast where items have few likes.",
          py::arg("l"), py::arg("n_threads") = 0);
    m.def("cooccurrence_top_k", &bind_top_k, "The k largest entries of rows of X: (columns, values).", py::arg("l"),
          py::arg("lt"), py::arg("first"), py::arg("last"), py::arg("k"), py::arg("n_threads") = 0);
}

}  // namespace movieembed
