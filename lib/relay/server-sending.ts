import { after, type Millis, type Port } from '../core/brands.ts';
import { refusal } from './codec.ts';
import type { CommandRequest } from './messages.ts';
import { isWord } from './names.ts';
import {
  type CommandConnection,
  log,
  MAX_OPEN_QUESTIONS,
  type NotificationConnection,
  notify,
  type Party,
  QUESTION_TIME,
  REQUEST_TIME,
  type RelayEffect,
  type Room,
  reply,
  type Sending,
} from './server-room.ts';

/** The first line of a SEND (document, "CLIENT COMMANDS"). */
export function beginSending(
  room: Room,
  connection: CommandConnection,
  request: Extract<CommandRequest, { type: 'send' }>,
  now: Millis,
): RelayEffect[] {
  connection.sending = {
    connection: connection.id,
    file: request.file,
    size: request.size,
    missing: request.recipients,
    wanted: new Set(),
    answers: new Map(),
    state: 'reading',
    deadline: after(now, REQUEST_TIME),
  };
  return request.recipients === 0 ? ask(room, connection, connection.sending, now) : [];
}

/** A line with a recipient. */
export function recipientNamed(
  room: Room,
  connection: CommandConnection,
  sending: Sending,
  name: string,
  now: Millis,
): RelayEffect[] {
  if (!isWord(name)) throw refusal('BAD_SEND', 'expected the name of a recipient');
  sending.wanted.add(name);
  sending.missing -= 1;
  return sending.missing === 0 ? ask(room, connection, sending, now) : [];
}

/** All recipients are asked at once. */
function ask(
  room: Room,
  connection: CommandConnection,
  sending: Sending,
  now: Millis,
): RelayEffect[] {
  sending.state = 'asking';
  sending.deadline = after(now, QUESTION_TIME);
  const sender = connection.party?.user ?? '';
  const effects: RelayEffect[] = [
    log(connection, `offers ${sending.file} (${sending.size} bytes) to ${sending.wanted.size}`),
  ];
  for (const user of sending.wanted) {
    const asked = room.users.get(user)?.notification;
    if (asked === undefined || asked.questions.length >= MAX_OPEN_QUESTIONS) {
      sending.answers.set(user, 'no');
      continue;
    }
    sending.answers.set(user, undefined);
    asked.questions.push({ sending });
    const offer = asked.details ? { file: sending.file, size: sending.size } : undefined;
    effects.push(notify(asked, { type: 'request', sender, offer }));
  }
  return [...effects, ...decideIfAllAnswered(connection, sending)];
}

/** `400 OK` or `401 DENIED`: it belongs to the question that has waited longest. */
export function answered(
  room: Room,
  connection: NotificationConnection,
  yes: boolean,
): RelayEffect[] {
  const question = connection.questions.shift();
  if (question === undefined) {
    throw refusal('UNKNOWN_COMMAND', 'there was no question');
  }
  const party = connection.owner?.party;
  // Whoever asked is gone, or has waited long enough: an answer must not pass for another one.
  if (question.sending === undefined || party === undefined) return [];
  return take(room, question.sending, party, yes);
}

function take(room: Room, sending: Sending, party: Party, yes: boolean): RelayEffect[] {
  sending.answers.set(party.user, yes ? party : 'no');
  const sender = room.connections.get(sending.connection);
  return sender?.kind === 'command' ? decideIfAllAnswered(sender, sending) : [];
}

/** Nobody can answer there any more. */
export function cannotAnswer(room: Room, connection: NotificationConnection): RelayEffect[] {
  const party = connection.owner?.party;
  if (party === undefined) return [];
  return connection.questions
    .splice(0)
    .flatMap(({ sending }) => (sending === undefined ? [] : take(room, sending, party, false)));
}

function decideIfAllAnswered(connection: CommandConnection, sending: Sending): RelayEffect[] {
  const open = [...sending.answers.values()].includes(undefined);
  return open ? [] : decide(connection, sending);
}

/** Everybody has answered, or the time is over. */
export function decide(connection: CommandConnection, sending: Sending): RelayEffect[] {
  const sender = connection.party;
  const recipients = [...sending.answers.values()].filter(
    (answer): answer is Party => typeof answer === 'object',
  );
  if (sender === undefined || recipients.length === 0) {
    connection.sending = undefined;
    return [
      reply(connection, { type: 'refused', error: refusal('NO_RECIPIENT') }),
      log(connection, 'nobody wants it'),
    ];
  }
  sending.state = 'making';
  const { file, size } = sending;
  const agreement = { sender, file, size, recipients };
  return [{ type: 'make-transfer', connection: connection.id, agreement }];
}

/** Whoever asked does not wait for answers any more. */
export function forgetQuestions(room: Room, sending: Sending): void {
  for (const user of sending.wanted) {
    for (const question of room.users.get(user)?.notification?.questions ?? []) {
      if (question.sending === sending) question.sending = undefined;
    }
  }
}

/** The transfer can begin: the sender and those who said yes learn its port. */
export function announce(
  room: Room,
  connection: CommandConnection,
  sending: Sending,
  port: Port,
): RelayEffect[] {
  connection.sending = undefined;
  const sender = connection.party?.user ?? '';
  const users = [...sending.answers]
    .filter(([, answer]) => typeof answer === 'object')
    .map(([user]) => user);
  return [
    reply(connection, { type: 'accepted', users, port }),
    ...users.flatMap((user) => {
      const recipient = room.users.get(user)?.notification;
      if (recipient === undefined) return [];
      return [notify(recipient, { type: 'open', sender, file: sending.file, port })];
    }),
    log(connection, `sends ${sending.file} to ${users.join(', ')} through port ${port}`),
  ];
}
