/// Why a program that measures or tests others cannot go on: in words for whoever runs it.
package struct ProcessError: Error, CustomStringConvertible {
    package let description: String

    package init(_ description: String) {
        self.description = description
    }
}
