import { spawnSync } from 'node:child_process'

const PACKAGES = {
  apt: { cmake: 'cmake', compiler: 'g++', ninja: 'ninja-build', python: 'python3', pip: 'python3-pip' },
  dnf: { cmake: 'cmake', compiler: 'gcc-c++', ninja: 'ninja-build', python: 'python3', pip: 'python3-pip' },
  brew: { cmake: 'cmake', compiler: 'gcc', ninja: 'ninja', python: 'python3', pip: 'python3' },
  winget: {
    cmake: 'Kitware.CMake',
    compiler: 'Microsoft.VisualStudio.2022.BuildTools',
    ninja: 'Ninja-build.Ninja',
    python: 'Python.Python.3.13',
    pip: 'Python.Python.3.13',
  },
}

export type Tool = keyof (typeof PACKAGES)['apt']

/** Whether a program of this name can be started. */
export function canRun(program: string): boolean {
  return spawnSync(program, ['--version'], { stdio: 'ignore' }).error === undefined
}

/** The command that installs `tool` on this machine. */
export function installCommand(tool: Tool): string {
  if (process.platform === 'win32') return `winget install ${PACKAGES.winget[tool]}`
  if (process.platform === 'darwin') {
    return tool === 'compiler' ? 'xcode-select --install' : `brew install ${PACKAGES.brew[tool]}`
  }
  const asRoot = process.getuid?.() === 0 ? '' : 'sudo '
  return canRun('dnf') && !canRun('apt-get')
    ? `${asRoot}dnf install ${PACKAGES.dnf[tool]}`
    : `${asRoot}apt-get install --no-install-recommends ${PACKAGES.apt[tool]}`
}

/** One sentence about a missing tool and the command to run. */
export function missingTool(tool: Tool, name: string, why: string): string {
  return `${name}, which ${why}, is missing; install it with: ${installCommand(tool)}`
}
