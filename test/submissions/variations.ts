import type { Fault } from './fault.ts';

/** A right submission in which something is otherwise and not wrong: it loses nothing. */
export type Variation = Omit<Fault, 'loses'> & {
  /** Checks that it might lose, to begin with. */
  readonly risks: readonly string[];
};

export const VARIATIONS: readonly Variation[] = [
  {
    ...{ name: 'no-reuse', side: 'server', base: 'line.py' },
    about: 'does without SO_REUSEADDR, as servers do by default',
    risks: ['starts', 'connect', 'size-two-parts', 'last-byte', 'disconnect', 'users'],
    from: '        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)\n',
    to: '',
  },
  {
    ...{ name: 'commas', side: 'server', base: 'events.py' },
    about: 'splits re-requests at commas',
    risks: ['lost-every-third', 'answers-all-numbers'],
    from: '        words = line.split()\n',
    to: "        words = line.split(',')\n",
  },
  {
    ...{ name: 'empty-list', side: 'server', base: 'bare.py' },
    about: 'answers nothing at all when nobody is online',
    risks: ['users', 'files', 'size-one-byte'],
    from: 'self.send(str(names))',
    to: "self.send(', '.join(names))",
  },
  {
    ...{ name: 'slow-to-proceed', side: 'server', base: 'line.py' },
    about: 'looks twice a second whether it may go on',
    risks: ['proceed', 'pause'],
    from: "                    if message == 'proceed':\n                        self.proceed = True\n",
    to: "                    if message == 'proceed':\n                        time.sleep(0.5)\n                        self.proceed = True\n",
  },
  {
    ...{ name: 'late-first-part', side: 'server', base: 'events.py' },
    about: 'sends its first part after a second',
    risks: ['proceed', 'pause', 'size-one-part'],
    from: '        self.udp = udp\n',
    to: '        self.udp = udp\n        self.pause_until = time.monotonic() + 1\n',
  },
  {
    ...{ name: 'list-in-pieces', side: 'server', base: 'line.py' },
    about: 'sends each name of a file by itself',
    risks: ['files'],
    from: "            self.send('files: [' + ', '.join(list_files()) + ']')\n",
    to: '            for name in list_files():\n                self.send(name)\n                time.sleep(0.005)\n',
  },
  {
    ...{ name: 'address-and-port', side: 'client', base: 'line.py' },
    about: 'tells its address with its port, and reads numbers of four bytes',
    risks: ['download-request', 'size-one-part', 'lost-every-third'],
    from: 'self.connection.send(str(udp.getsockname()[1]))',
    to: "self.connection.send('%s|%d' % udp.getsockname())",
  },
  {
    ...{ name: 'long-gaps', side: 'server', base: 'bare.py' },
    about: 'leaves a tenth of a second between its messages',
    risks: ['connect', 'users', 'file-not-found'],
    from: 'GAP = 0.06 ',
    to: 'GAP = 0.1 ',
  },
  {
    ...{ name: 'slow-name', side: 'client', base: 'line.py' },
    about: 'takes a second until it asks for the new name',
    risks: ['size-empty', 'size-two-parts', 'new-name'],
    from: '        new_name = ask(',
    to: '        time.sleep(1)\n        new_name = ask(',
  },
  {
    ...{ name: 'late-question', side: 'client', base: 'line.py' },
    about: 'takes 1.7 s until it asks whether to go on',
    risks: ['asks-at-half', 'proceed', 'stop-at-half'],
    from: '            answer = ask(question, connection)\n',
    to: '            time.sleep(1.7)\n            answer = ask(question, connection)\n',
  },
  {
    ...{ name: 'bars', side: 'client', base: 'line.py' },
    about: "puts '|' between the numbers of a re-request",
    risks: ['lost-every-third', 'asks-for-what-is-missing'],
    from: "self.connection.send(' '.join(missing[",
    to: "self.connection.send('|'.join(missing[",
  },
  {
    ...{ name: 'each-by-itself', side: 'client', base: 'line.py' },
    about: 'asks for each part in a message of its own',
    risks: ['lost-every-third', 'asks-for-what-is-missing', 'timer-grows'],
    from: "        for i in range(0, len(missing), NUMBERS_PER_MESSAGE):\n            self.connection.send(' '.join(missing[i : i + NUMBERS_PER_MESSAGE]))\n",
    to: '        for number in missing:\n            self.connection.send(number)\n',
  },
  {
    ...{ name: 'list-in-lines', side: 'client', base: 'line.py' },
    about: 'shows lists with each name on a line of its own',
    risks: ['get-users', 'get-list-file'],
    from: '        screen.say(text)\n        if answers:',
    to: "        screen.say(text.replace(', ', ',\\n'))\n        if answers:",
  },
  {
    ...{ name: 'busy-thread', side: 'client', base: 'select.pl' },
    about: 'has a process beside it that is always at work',
    risks: ['timer-begins', 'timer-grows'],
    from: "$SIG{PIPE} = 'IGNORE';\n",
    to: "$SIG{PIPE} = 'IGNORE';\nif (!fork) { 1 while getppid > 1; exit }\n",
  },
  {
    ...{ name: 'second-half-in-pause', side: 'server', base: 'line.py' },
    about: 'sends parts of the second half during the pause when they are asked for',
    risks: ['resends-in-pause', 'pause'],
    from: 'again.extend(n for n in numbers if n < self.limit())',
    to: 'again.extend(n for n in numbers if n < len(self.parts))',
  },
  {
    ...{ name: 'asks-beyond-pause', side: 'client', base: 'line.py' },
    about: 'asks for all that it does not have, the second half before the pause included',
    risks: ['asks-for-what-is-missing', 'lost-every-third', 'quiet-in-pause'],
    from: 'self.ask_again(len(self.parts) if self.proceed else self.half)',
    to: 'self.ask_again(len(self.parts))',
  },
  {
    ...{ name: 'word-before', side: 'client', base: 'line.py' },
    about: 'puts a word before the numbers of a re-request',
    risks: ['lost-every-third', 'asks-for-what-is-missing', 'timer-grows'],
    from: "self.connection.send(' '.join(missing[",
    to: "self.connection.send('missing|' + '|'.join(missing[",
  },
  {
    ...{ name: 'four-digits', side: 'client', base: 'original.py' },
    about: 'reads numbers of four ASCII digits',
    risks: ['size-two-parts', 'size-many-parts', 'lost-every-third'],
    from: 'not colon or not head.isdigit():',
    to: 'not colon or not head.isdigit() or len(head) != 4:',
  },
  {
    ...{ name: 'padded', side: 'server', base: 'original.pl' },
    about: 'fills the numbers of its parts with spaces up to four bytes',
    risks: ['size-many-parts', 'datagram-format', 'lost-every-third'],
    from: '"$number:$part"',
    to: "sprintf('%4d:', $number) . $part",
  },
  {
    ...{ name: 'brackets', side: 'server', base: 'events.py' },
    about: 'takes a list in brackets for a re-request',
    risks: ['lost-every-third', 'answers-all-numbers'],
    from: '        words = line.split()\n',
    to: "        words = line.strip('[]').replace(',', ' ').split() if line.startswith('[') else []\n",
  },
  {
    ...{ name: 'numbered-list', side: 'server', base: 'line.py' },
    about: 'numbers the users of its list, with a full stop behind each',
    risks: ['users', 'disconnect-leaves-list'],
    from: "            self.send(f'users: [{names}]')\n",
    to: "            self.send(' '.join(f'{n}.{u}.' for n, u in enumerate(names.split(', '), 1)))\n",
  },
  {
    ...{ name: 'greeting', side: 'server', base: 'line.py' },
    about: 'greets whoever connects',
    risks: ['connect-announced', 'name-taken', 'files'],
    from: '    def serve(self, slots):\n        try:\n',
    to: "    def serve(self, slots):\n        try:\n            self.send('Welcome!\\nYou are connected to the server. Type connect and a name.')\n",
  },
  {
    ...{ name: 'last-byte-apart', side: 'server', base: 'line.py' },
    about: 'tells the last byte on a line of its own',
    risks: ['last-byte'],
    from: 'downloaded 100% out of file. Last byte',
    to: 'downloaded 100% out of file.\\nLast byte',
  },
  {
    ...{ name: 'byte-by-byte', side: 'server', base: 'line.py' },
    about: 'writes each byte of a message by itself',
    risks: ['name-taken', 'file-not-found', 'last-byte'],
    from: "                self.sock.sendall(text.encode('utf-8', 'replace') + b'\\n')\n",
    to: "                for byte in text.encode('utf-8', 'replace') + b'\\n':\n                    self.sock.sendall(bytes([byte]))\n",
  },
  {
    ...{ name: 'in-downloads', side: 'client', base: 'line.py' },
    about: 'saves in a folder of its own',
    risks: ['size-two-parts', 'new-name', 'lost-first-datagram'],
    from: "            with open(os.path.basename(new_name), 'wb') as file:\n",
    to: `            os.makedirs('downloads', exist_ok=True)
            with open(os.path.join('downloads', os.path.basename(new_name)), 'wb') as file:
`,
  },
  {
    ...{ name: 'adds-ending', side: 'client', base: 'line.py' },
    about: 'adds the ending of the file to the new name',
    risks: ['size-two-parts', 'other-order'],
    from: 'open(os.path.basename(new_name),',
    to: 'open(os.path.basename(new_name) + os.path.splitext(name)[1],',
  },
  {
    ...{ name: 'asks-of-one-part', side: 'client', base: 'line.py' },
    about: 'asks whether to go on when all of a file of one part is there, too',
    risks: ['size-one-byte', 'second-file'],
    from: '            asked = False\n            while self.received < len(self.parts):\n',
    to: `            asked = False
            self.half = max(1, self.half)
            self.proceed = not self.parts
            while self.received < len(self.parts) or not self.proceed:
`,
  },
  {
    ...{ name: 'asks-for-another-name', side: 'client', base: 'line.py' },
    about: 'asks for another name by itself when one is taken',
    risks: ['name-taken'],
    from: "                connection.send('connect|' + name)\n",
    to: `                connection.answers = queue.Queue()
                connection.send('connect|' + name)
                while 'taken' in (connection.wait_for_answer(lambda text: 'connect' in text, 5) or ''):
                    connection.send('connect|' + ask('Another name: ', connection))
                connection.answers = None
`,
  },
  {
    ...{ name: 'own-words', side: 'client', base: 'line.py' },
    about: 'says in words of its own that it is connected',
    risks: ['shows-connected'],
    from: '        screen.say(text)\n        if answers:\n',
    to: "        screen.say('Connected!' if text == 'connected' else text)\n        if answers:\n",
  },
  {
    ...{ name: 'byte-by-byte', side: 'client', base: 'line.py' },
    about: 'writes each byte of a message by itself',
    risks: ['connect', 'download-request', 'lost-every-third'],
    from: "                self.sock.sendall(text.encode('utf-8', 'replace') + b'\\n')\n",
    to: `                for byte in text.encode('utf-8', 'replace') + b'\\n':
                    self.sock.sendall(bytes([byte]))
`,
  },
  {
    ...{ name: 'wants-a-word', side: 'server', base: 'events.py' },
    about: 'wants a word before the numbers of a re-request',
    risks: ['lost-every-third', 'answers-all-numbers', 'resends-in-pause', 'wrong-numbers'],
    from: '        words = line.split()\n',
    to: "        words = line[7:].split(',') if line.startswith('resend|') else []\n",
  },
  {
    ...{ name: 'names-apart', side: 'server', base: 'bare.py' },
    about: 'sends each name of a list as a message of its own',
    risks: ['users', 'files'],
    from: '            self.send(str(names))\n',
    to: '            for name in names:\n                self.send(name)\n',
  },
  {
    ...{ name: 'names-its-port', side: 'client', base: 'line.py' },
    about: 'has a word before its UDP port',
    risks: ['download-request', 'size-two-parts'],
    from: 'self.connection.send(str(udp.getsockname()[1]))',
    to: "self.connection.send('port|%d' % udp.getsockname()[1])",
  },
  {
    ...{ name: 'ends-with-nul', side: 'client', base: 'bare.py' },
    about: 'ends its messages as C ends strings',
    risks: ['connect', 'download-request', 'size-two-parts', 'lost-first-datagram'],
    from: "self.sock.sendall(text.encode('utf-8', 'replace'))",
    to: "self.sock.sendall(text.encode('utf-8', 'replace') + b'\\0')",
  },
  {
    ...{ name: 'in-two-pieces', side: 'client', base: 'bare.py' },
    about: 'writes a command and what it is about one after the other',
    risks: ['connect', 'download-request', 'size-two-parts'],
    from: "self.sock.sendall(text.encode('utf-8', 'replace'))",
    to: `command, bar, rest = text.partition('|')
                for piece in (command + bar, rest):
                    self.sock.sendall(piece.encode('utf-8', 'replace'))`,
  },
  {
    ...{ name: 'late-name', side: 'client', base: 'line.py' },
    about: 'asks for the new name a moment late, and hears nothing that is typed before',
    risks: ['size-two-parts', 'new-name', 'second-file'],
    from: "        new_name = ask('Enter the new name of the file: ') or name\n",
    to: `        time.sleep(0.4)
        while not typed.empty():
            typed.get()
        new_name = ask('Enter the new name of the file: ') or name
`,
  },
];
