import { visible } from '../../core/text.ts';

/**
 * Whatever a program has said, as text in HTML and XML, or in an attribute: marks are none, and what cannot be
 * seen is made visible.
 * @param separator stands for a line end
 */
export function asMarkup(text: string, separator = ' '): string {
  return text
    .split('\n')
    .map(visible)
    .join(separator)
    .replace(/[&<>"']/g, (letter) => `&#${letter.charCodeAt(0)};`);
}
