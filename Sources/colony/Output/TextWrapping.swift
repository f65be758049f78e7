/// Fits text to the width of a terminal.
enum TextWrapping {
    /// Wraps each line at words. Lines that start with two spaces stay as they are; items are indented under their dash.
    static func wrapped(_ text: String, to width: Int) -> String {
        text.split(separator: "\n", omittingEmptySubsequences: false)
            .map { line in
                if line.hasPrefix("  ") || line.count <= width { return String(line) }
                return Self.wrapped(line, to: width, indentation: line.hasPrefix("- ") ? "  " : "")
            }
            .joined(separator: "\n")
    }

    private static func wrapped(_ line: Substring, to width: Int, indentation: String) -> String {
        var lines: [String] = []
        var current = ""
        for word in line.split(separator: " ") {
            if !current.isEmpty, current.count + 1 + word.count > width {
                lines.append(current)
                current = indentation + word
            } else {
                current += (current.isEmpty ? "" : " ") + word
            }
        }
        return (lines + [current]).joined(separator: "\n")
    }
}
