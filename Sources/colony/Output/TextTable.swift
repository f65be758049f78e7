/// A table for people: columns as wide as their widest cell, numbers to the right.
struct TextTable {
    struct Column {
        let title: String
        let isNumeric: Bool

        init(_ title: String, isNumeric: Bool = false) {
            self.title = title
            self.isNumeric = isNumeric
        }
    }

    let columns: [Column]
    var rows: [[String]] = []

    init(_ columns: [Column]) {
        self.columns = columns
    }

    var lines: [String] {
        let all = [self.columns.map(\.title)] + self.rows
        let widths = self.columns.indices.map { index in all.map { $0[index].count }.max() ?? 0 }
        return all.map { row in
            let cells = self.columns.indices.map { index -> String in
                let padding = String(repeating: " ", count: widths[index] - row[index].count)
                return self.columns[index].isNumeric ? padding + row[index] : row[index] + padding
            }
            let line = cells.joined(separator: "  ")
            return String(line.reversed().drop { $0 == " " }.reversed())
        }
    }
}
