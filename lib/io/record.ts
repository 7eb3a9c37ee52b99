/** `record[key] = value` for any key from a file: even `__proto__` becomes an own property of the record. */
export function setOwn<T>(record: Record<string, T>, key: string, value: T): void {
  Object.defineProperty(record, key, { value, writable: true, enumerable: true, configurable: true })
}
