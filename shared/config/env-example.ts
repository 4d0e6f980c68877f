/** The text of `.env.example`, made from the table of settings. */
import type { Module } from '../../caches/module';
import type { Setting, SettingName } from './settings';
import { variableName } from './setting-reader';
import { isSettingOf, SETTINGS, SETTING_NAMES } from './settings';

/** Settings that a module gives a plain value, so that the example shows a real one. */
function exampleValue(name: SettingName, module: Module): string {
  return name === 'PORT_<c>' ? String(module.defaultPort) : '';
}

/** @param modules every module there is */
export function envExample(modules: readonly Module[]): string {
  const lines = [
    '# Settings of Larder. Copy this file to .env and change what you need; everything has a default.',
    '# The environment beats this file. NAME_FILE=/path takes the value of NAME from a file. The whole file may also',
    '# come as the one variable LARDER_ENV, or stand elsewhere: LARDER_ENV_FILE=/path. `make config` shows the result.',
    '# Made from shared/config/settings.ts by `make docs`.',
  ];
  let group = '';
  for (const name of SETTING_NAMES) {
    const setting = SETTINGS[name] as Setting<unknown>;
    const having = modules.filter((module) => isSettingOf(name, module));
    if (having.length === 0) continue;
    if (setting.group !== group) lines.push('', `## ${(group = setting.group)}`);
    lines.push('', ...wrap(`${setting.description}${setting.fallback ? ` Default: ${setting.fallback}.` : ''}`));
    if (name.includes('<N>')) lines.push(`#${variableName(name, '', 'CORP')}=`);
    else if (!/<c>/i.test(name)) lines.push(`#${name}=`);
    else for (const module of having) lines.push(`#${variableName(name, module.name, 'corp')}=${exampleValue(name, module)}`);
  }
  return `${lines.join('\n')}\n`;
}

function wrap(text: string): string[] {
  const lines: string[] = [];
  let line = '#';
  for (const word of text.split(' ')) {
    if (line.length + word.length + 1 > 118) {
      lines.push(line);
      line = '#';
    }
    line += ` ${word}`;
  }
  return [...lines, line];
}
