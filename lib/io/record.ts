/** `record[key] = value` for any key from a file: also `__proto__` becomes a property of the record's own. */
export function setOwn<T>(record: Record<string, T>, key: string, value: T): void {
  Object.defineProperty(record, key, { value, writable: true, enumerable: true, configurable: true })
}
