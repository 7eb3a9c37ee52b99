// The first line of a CSV file, whose names DuckDB makes different.
import { torchError } from '../../errors.ts'
import { type Session, text } from './session.ts'
import { OWNER } from './table.ts'

/**
 * DuckDB reads the second of two columns 'temp' as 'temp_1', and the first as 'temp', although either may be meant.
 *
 * @param columns those that DuckDB has found
 * @param names those to read
 * @throws {TorchError} if the first line has one of the names twice.
 */
export async function requireOnce(
  session: Session,
  path: string,
  columns: ReadonlySet<string>,
  names: readonly string[],
): Promise<void> {
  const suspects = names.filter((name) => columns.has(`${name}_1`))
  if (suspects.length === 0) return
  const [first = []] = await session.rows(
    `SELECT * FROM read_csv(${text(path)}, header = false, all_varchar = true, ignore_errors = true) LIMIT 1`,
  )
  const cells = first.map((cell) => String(cell).trim())
  const twice = suspects.find((name) => cells.indexOf(name) !== cells.lastIndexOf(name))
  if (twice === undefined) return
  throw torchError(
    'ERR_TORCH_VALUE',
    `${OWNER}: ${path} has several columns '${twice}' in its first line: give each a name of its own`,
    { op: OWNER },
  )
}
