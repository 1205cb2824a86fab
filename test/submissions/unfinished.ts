import type { Stage } from '../../lib/lab/grader/stages.ts';
import type { Fault } from './fault.ts';

/** A right submission of which most is not there yet. */
export type Unfinished = Omit<Fault, 'loses'> & {
  /** How far it gets. */
  readonly reaches: Stage;
};

const HANDLES = '            for line in self.lines():\n';
const TRANSFER = '        transfer = Download(connection, int(answer[1:]))\n';

export const UNFINISHED: readonly Unfinished[] = [
  {
    ...{ name: 'silent', side: 'server', base: 'line.py', reaches: 'started' },
    about: 'takes connections and says nothing',
    from: HANDLES,
    to: `${HANDLES}                continue\n`,
  },
  {
    ...{ name: 'echo', side: 'server', base: 'line.py', reaches: 'started' },
    about: 'says what it hears',
    from: HANDLES,
    to: `${HANDLES}                self.send(line)\n                continue\n`,
  },
  {
    ...{ name: 'chat-only', side: 'server', base: 'line.py', reaches: 'online' },
    about: 'has no downloads',
    from: '            self.start_download(rest)\n',
    to: '            pass\n',
  },
  {
    ...{ name: 'count-only', side: 'server', base: 'line.py', reaches: 'download-begun' },
    about: 'tells the number of parts and sends none',
    from: '        self.download.start()\n',
    to: '',
  },
  {
    ...{ name: 'mute', side: 'client', base: 'line.py', reaches: 'started' },
    about: 'connects and says nothing',
    from: '    def send(self, text):\n        try:\n',
    to: '    def send(self, text):\n        return\n        try:\n',
  },
  {
    ...{ name: 'chat-only', side: 'client', base: 'line.py', reaches: 'online' },
    about: 'has no downloads',
    from: "        elif line == 'download':\n            download(connection)\n",
    to: '',
  },
  {
    ...{ name: 'request-only', side: 'client', base: 'line.py', reaches: 'online' },
    about: 'asks for a file, and does nothing more',
    from: TRANSFER,
    to: '        return\n',
  },
  {
    ...{ name: 'port-only', side: 'client', base: 'line.py', reaches: 'online' },
    about: 'tells its UDP port, and does nothing more',
    from: '            asked = False\n',
    to: '            asked = False\n            time.sleep(3600)\n',
  },
  {
    ...{ name: 'ends-in-download', side: 'client', base: 'line.py', reaches: 'online' },
    about: 'ends when a download begins',
    from: TRANSFER,
    to: '        os._exit(1)\n',
  },
];
